// The front page as a tab of JupyterLab. Written by hand, as the file that a bundler would make of it (a module
// federation container): it needs one class of JupyterLab's own and no build.
(() => {
  "use strict";
  const NAME = "msl-course";
  const EVERY_MS = 3000;
  // In a narrower window, or at a higher zoom, the file browser would take half of it.
  const NARROW_PX = 1000;
  // About 80 characters of prose on a line, however wide the window is. Code, tables and outputs take what they need.
  const PROSE = ".jp-Notebook .jp-RenderedMarkdown :is(p, ul, ol, blockquote) { max-width: 68ch; }";
  let shared;

  async function fromJupyterLab(name) {
    // JupyterLab shares its libraries by name and version; there is one version of each.
    const versions = Object.values(shared[name]);
    return (await versions[0].get())();
  }

  function baseUrl() {
    const config = document.getElementById("jupyter-config-data");
    return config ? JSON.parse(config.textContent).baseUrl : "/";
  }

  function show(node, html) {
    // What a reader has opened, and where the keyboard is, stays.
    const reached = () => [...node.querySelectorAll("a, summary")];
    // The page may have got new sections above it, so it is known by its part and where it leads.
    const keyOf = (element) =>
      [element?.tagName, element?.closest("details")?.dataset.part, element?.getAttribute("href")].join(" ");
    const openParts = new Map([...node.querySelectorAll("details")].map((part) => [part.dataset.part, part.open]));
    const focused = node.contains(document.activeElement) ? keyOf(document.activeElement) : "";
    const top = node.scrollTop;
    node.innerHTML = html;
    for (const part of node.querySelectorAll("details")) {
      if (openParts.has(part.dataset.part)) part.open = openParts.get(part.dataset.part);
    }
    node.scrollTop = top;
    reached().find((element) => keyOf(element) === focused)?.focus({ preventScroll: true });
  }

  function say(node, words) {
    const said = document.createElement("p");
    said.setAttribute("role", "alert");
    said.textContent = words;
    node.replaceChildren(said);
  }

  async function activate(app) {
    const { Widget } = await fromJupyterLab("@lumino/widgets");
    const style = document.createElement("style");
    style.textContent = PROSE;
    document.head.append(style);

    function makePage() {
      const page = new Widget();
      page.id = NAME;
      page.title.label = "Course";
      page.title.caption = "The course: lessons, points, the next step";
      page.title.closable = true;
      const node = page.node;
      node.tabIndex = 0;
      node.setAttribute("role", "region");
      node.setAttribute("aria-label", "Course");
      node.style.cssText = "overflow:auto;background:var(--jp-layout-color1)";
      node.addEventListener("click", (event) => {
        const link = event.target.closest("a[data-open]");
        if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
        event.preventDefault();
        app.commands.execute("docmanager:open", { path: link.dataset.open });
      });
      let stamp = "";
      let shown = "";
      async function look() {
        if (page.isDisposed) return;
        try {
          // Nobody looks at a hidden tab: it is drawn when it comes back.
          if (stamp === "" || page.isVisible) {
            const answer = await fetch(`${baseUrl()}msl/course?stamp=${stamp}`, { credentials: "same-origin" });
            if (answer.status === 200) {
              const course = await answer.json();
              stamp = course.stamp;
              // Most minutes change nothing: whoever reads or listens is not disturbed.
              if (course.html !== shown) show(node, (shown = course.html));
            } else if (answer.status !== 204 && stamp === "") {
              const { message = "" } = await answer.json().catch(() => ({}));
              say(node, `The course's page did not come (${answer.status}). ${message}`);
            }
          }
        } catch (error) {
          if (stamp === "") say(node, `The course's page did not come: ${error.message}. Is JupyterLab still running?`);
        }
        setTimeout(look, EVERY_MS);
      }
      look();
      return page;
    }

    let page = null;
    app.commands.addCommand("msl:course", {
      label: "Course: lessons, points, the next step",
      execute: () => {
        if (page === null || page.isDisposed) page = makePage();
        if (!page.isAttached) app.shell.add(page, "main");
        app.shell.activateById(page.id);
      },
    });
    app.restored.then(() => {
      // Whoever asks for a lesson by its address gets the lesson.
      if (location.pathname.includes("/tree/")) return;
      if (window.innerWidth < NARROW_PX) app.shell.collapseLeft();
      app.commands.execute("msl:course");
    });
  }

  window._JUPYTERLAB = window._JUPYTERLAB || {};
  window._JUPYTERLAB[NAME] = {
    init: (scope) => {
      shared = scope;
    },
    get: async () => {
      const plugin = { id: `${NAME}:page`, description: "The course's front page.", autoStart: true, activate };
      return () => ({ __esModule: true, default: plugin });
    },
  };
})();
