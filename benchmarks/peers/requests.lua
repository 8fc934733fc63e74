-- wrk: each request asks the next question of the file that BODIES names.
local bodies = {}
for line in io.lines(os.getenv("BODIES")) do
  bodies[#bodies + 1] = line
end

local threads = 0
function setup(thread)
  thread:set("at", threads * 97)
  threads = threads + 1
end

function request()
  at = at % #bodies + 1
  return wrk.format("POST", "/api/qa", { ["Content-Type"] = "application/json" }, bodies[at])
end
