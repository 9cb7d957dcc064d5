// Where the list of tracks is: beside the page, or on a narrow screen a drawer over it.

const $ = (id) => document.getElementById(id);

export class Drawer {
  constructor() {
    $("open-library").addEventListener("click", () => this.open());
    $("shade").addEventListener("click", () => this.show(false));
    $("skip").addEventListener("click", () => {
      this.show(false);
      document.querySelector("main").focus();
    });
    $("library").addEventListener("keydown", (event) => {
      if (event.key !== "Escape" || $("shade").hidden) return;
      this.show(false);
      $("open-library").focus();
    });
  }

  // There is a list only if a folder is served.
  offer() {
    $("library").hidden = false;
    $("open-library").hidden = false;
  }

  show(isOpen) {
    $("library").classList.toggle("open", isOpen);
    $("shade").hidden = !isOpen;
  }

  // The keyboard goes in with it: in the order of the document, the list lies before its button.
  open() {
    this.show(true);
    ($("rows").querySelector(".current") ?? $("search")).focus();
  }

  search() {
    this.show(true);
    $("search").select();
  }
}
