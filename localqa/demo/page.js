() => {
  // Gradio's lists stay open where the keyboard leaves them.
  document.addEventListener("focusout", ({ target }) => {
    if (target.getAttribute("role") === "combobox")
      setTimeout(() => target.dispatchEvent(new KeyboardEvent("keydown", { key: "Escape", bubbles: true })));
  });

  const SHOWN = ".qa-verdict, .qa-generated, .qa-alert";
  const results = { "documents-ask": "documents-answer", "documents-before": "documents-answer", "documents-after": "documents-answer", "ask": "answer", "open-ask": "open-answer", "summarise": "summary" };
  const questions = { "documents-question": "documents-answer", "question": "answer", "open-question": "open-answer" };
  // Whose answer is still to be shown: only what was just asked for moves the page, and only once.
  const awaited = new Set();

  const isSeen = (element) => {
    const { top, bottom } = element.getBoundingClientRect();
    return top >= 0 && bottom <= innerHeight;
  };

  // The answer and its place in the text, before one's eyes.
  const show = (result) => {
    const mark = result.querySelector("mark");
    const first = result.querySelector(SHOWN);
    if (!isSeen(first) || (mark && !isSeen(mark))) result.scrollIntoView({ block: "start" });
    if (mark && !isSeen(mark)) mark.scrollIntoView({ block: "center" });
  };

  const centre = (box) => {
    const mark = box.querySelector("mark");
    if (!mark || box.scrollHeight <= box.clientHeight) return;
    const offset = mark.getBoundingClientRect().top - box.getBoundingClientRect().top;
    box.scrollTop += offset - Math.max(0, (box.clientHeight - mark.offsetHeight) / 2);
  };

  const await_ = (id) => {
    awaited.add(id);
    const result = document.getElementById(id);
    // An answer like the last one changes nothing that could be noticed.
    if (result && result.querySelector(SHOWN)) show(result);
  };

  document.addEventListener("click", ({ target }) => {
    const button = target.closest("button");
    if (button && results[button.id]) await_(results[button.id]);
  });
  document.addEventListener("keydown", ({ key, shiftKey, target }) => {
    const field = key === "Enter" && !shiftKey && target.closest("#documents-question, #question, #open-question");
    if (field) await_(questions[field.id]);
  });

  new MutationObserver((changes) => {
    const added = changes.flatMap((change) => [...change.addedNodes]);
    for (const node of added.filter((one) => one.nodeType === Node.ELEMENT_NODE)) {
      // What Gradio shows while it waits is no answer.
      if (!node.matches(SHOWN) && !node.querySelector(SHOWN)) continue;
      const result = node.closest("#documents-answer, #answer, #second-answer, #open-answer, #summary");
      if (!result) continue;
      result.querySelectorAll(".qa-text").forEach(centre);
      result.querySelectorAll(".qa-page").forEach((page) => {
        const box = page.querySelector("span");
        if (box) page.scrollLeft = box.offsetLeft - (page.clientWidth - box.offsetWidth) / 2;
      });
      if (awaited.delete(result.id)) show(result);
    }
  }).observe(document.body, { childList: true, subtree: true });
};
