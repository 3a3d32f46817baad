"use strict";
{
  const rows = [...document.querySelectorAll("tr.clause")];
  const set = (row, open) => {
    const button = row.querySelector("button");
    button.setAttribute("aria-expanded", open);
    document.getElementById(button.getAttribute("aria-controls")).hidden = !open;
  };
  const all = document.getElementById("open-all");
  const only = document.getElementById("only-open");
  const asked = () => rows.find((row) => row.querySelector("th").id === location.hash.slice(1));
  for (const row of rows) {
    set(row, false);
    row.querySelector("button").addEventListener("click", (event) => {
      set(row, event.currentTarget.getAttribute("aria-expanded") !== "true");
    });
  }
  all.addEventListener("click", () => {
    const open = all.textContent === "open all";
    for (const row of rows) set(row, open && !row.hidden);
    all.textContent = open ? "close all" : "open all";
  });
  only.addEventListener("change", () => {
    for (const row of rows) {
      row.hidden = only.checked && !row.classList.contains("open");
      if (row.hidden) set(row, false);
    }
  });
  const follow = () => { if (asked()) set(asked(), true); };
  addEventListener("hashchange", follow);
  follow();
  document.querySelector(".controls").hidden = false;
}
