# Sets PostgreSQL up where its folder is new, as POSTGRES_USER, POSTGRES_PASSWORD and POSTGRES_DB say, and runs it.
set -eu
if [ ! -e "$PGDATA/PG_VERSION" ]; then
  printf '%s' "$POSTGRES_PASSWORD" >/tmp/password
  initdb --encoding UTF8 --username "$POSTGRES_USER" --pwfile /tmp/password --auth-host scram-sha-256 --auth-local trust
  rm /tmp/password
  printf 'host all all all scram-sha-256\n' >>"$PGDATA/pg_hba.conf"
  # Only this machine's sockets until the database is there: the health check asks over the network.
  pg_ctl start --wait -o "-c listen_addresses= -c unix_socket_directories=/tmp"
  [ "$POSTGRES_DB" = postgres ] || createdb --host /tmp --username "$POSTGRES_USER" "$POSTGRES_DB"
  pg_ctl stop --wait
fi
exec postgres -c listen_addresses='*' -c unix_socket_directories=/tmp
