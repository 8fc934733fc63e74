() => {
  // Gradio's lists stay open where the keyboard leaves them.
  document.addEventListener("focusout", ({ target }) => {
    if (target.getAttribute("role") === "combobox")
      setTimeout(() => target.dispatchEvent(new KeyboardEvent("keydown", { key: "Escape", bubbles: true })));
  });
};
