// Which language: what the visitor chose, else the browser's own. Runs before Gradio asks the browser.
(() => {
  const key = "ganvas.language";
  const own = navigator.languages.some((language) => language.toLowerCase().startsWith("zh")) ? "zh-CN" : "en";
  const language = localStorage.getItem(key) || own;
  Object.defineProperty(navigator, "language", { get: () => language });
  document.documentElement.lang = language;
  window.chooseLanguage = (chosen) => {
    localStorage.setItem(key, chosen);
    location.reload();
  };
})();
