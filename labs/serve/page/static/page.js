// The page works without this file; it adds dropping a picture, its name, and a sign that an answer is on its way.
const drop = document.querySelector(".drop");
const input = document.getElementById("picture");
const chosen = document.getElementById("chosen");

input.addEventListener("change", () => {
  if (input.files.length) chosen.textContent = input.files[0].name;
});
for (const name of ["dragenter", "dragover"]) {
  drop.addEventListener(name, (event) => { event.preventDefault(); drop.classList.add("over"); });
}
for (const name of ["dragleave", "drop"]) {
  drop.addEventListener(name, () => drop.classList.remove("over"));
}
drop.addEventListener("drop", (event) => {
  event.preventDefault();
  if (!event.dataTransfer.files.length) return;
  input.files = event.dataTransfer.files;
  input.dispatchEvent(new Event("change"));
});
document.querySelector(".upload").addEventListener("submit", (event) => {
  const button = event.target.querySelector("button");
  // After this turn, so that the button still belongs to the form that is being sent.
  setTimeout(() => { button.disabled = true; button.textContent = "Looking at it …"; });
});
// Coming back with the browser's Back button shows the page as it was left.
addEventListener("pageshow", () => {
  const button = document.querySelector(".upload button");
  button.disabled = false;
  button.textContent = "Tell me what it is";
});
