// The language: what the visitor chose before, else Chinese for a Chinese browser, else English. Gradio has no switch of
// its own for a page, but all its texts follow the store that `changeLocale` of its core module sets: all but the title
// of a tab that is not open, which is set here.
const ganvas = {
  key: "ganvas.language",

  language() {
    const own = navigator.language.toLowerCase().startsWith("zh") ? "zh-CN" : "en";
    return localStorage.getItem(ganvas.key) || own;
  },

  async show() {
    const language = ganvas.language();
    document.documentElement.lang = language;
    const core = performance.getEntriesByType("resource").find(({ name }) => /\/assets\/core-[^/]+\.js$/.test(name));
    (await import(core.name)).changeLocale(language);
    for (const tab of document.querySelectorAll("[data-tab-id]")) {
      const texts = [...tab.childNodes].filter((node) => node.data?.trim());
      texts[0].data = ganvas.texts[language][`${tab.dataset.tabId}_title`];
    }
    document.dispatchEvent(new Event("ganvas:language"));
  },

  // Draw a tab that has a script of its own, when it is first opened.
  async mount(key, element, restore) {
    const there = [...element.childNodes];
    try {
      const { mount } = await import(new URL(`studio/${key}.js`, document.baseURI.split("?")[0]));
      return await mount(element, restore);
    } catch (error) {
      console.warn(error);
      const { page_again: text } = ganvas.texts[ganvas.language()];
      const again = document.createElement("button");
      again.textContent = `${error.message} · ${text}`;
      again.addEventListener("click", () => {
        element.replaceChildren(...there);
        ganvas.mount(key, element, restore);
      });
      element.replaceChildren(...there, again);
    }
  },

  choose(language) {
    localStorage.setItem(ganvas.key, language);
    return ganvas.show();
  },
};
