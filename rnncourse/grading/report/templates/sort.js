for (const button of document.querySelectorAll(".sorted button")) {
  button.addEventListener("click", () => {
    const head = button.closest("th"), table = button.closest("table"), at = head.cellIndex;
    const down = head.getAttribute("aria-sort") === "ascending";
    for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
    head.setAttribute("aria-sort", down ? "descending" : "ascending");
    const value = row => row.cells[at].dataset.value ?? row.cells[at].textContent.trim();
    const order = new Intl.Collator(undefined, { numeric: true }).compare;
    const rows = [...table.tBodies[0].rows].sort((a, b) => order(value(a), value(b)) * (down ? -1 : 1));
    table.tBodies[0].append(...rows);
  });
}
