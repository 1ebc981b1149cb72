// The list of references claims to be a list, but its entries claim to be none: screen readers get lost between them.
document.addEventListener("DOMContentLoaded", () => {
  for (const list of document.querySelectorAll(".citation-list")) list.removeAttribute("role");
});
