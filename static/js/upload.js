// Several files dropped or chosen are sent one after the other, each with its progress and its own reason when refused.
// Without this script the form sends them all at once and the page names those refused.

const words = document.getElementById("saving-words").dataset;

function send(form, file, line) {
  return new Promise((resolve) => {
    const data = new FormData(form);
    data.delete("files");
    data.append("files", file);
    const request = new XMLHttpRequest();
    request.open("POST", form.action || location.href);
    request.setRequestHeader("Accept", "application/json");
    const bar = line.querySelector("progress");
    request.upload.addEventListener("progress", (event) => {
      if (event.lengthComputable) bar.value = event.loaded / event.total;
    });
    request.addEventListener("loadend", () => {
      bar.remove();
      let told = null;
      try {
        told = JSON.parse(request.responseText);
      } catch {
        told = { problems: [{ message: words.failed }] };
      }
      const good = request.status === 200 && told.problems.length === 0;
      const state = line.querySelector("span");
      state.className = good ? "saved" : "unsaved";
      state.textContent = good ? words.done : told.problems.map((problem) => problem.message).join(" ");
      resolve(good);
    });
    request.send(data);
  });
}

for (const form of document.querySelectorAll("form[data-upload]")) {
  const input = form.querySelector("input[type=file]");
  const list = form.querySelector("[data-progress]");
  const drop = form.querySelector("[data-drop]");
  if (!list) continue;
  form.addEventListener("submit", async (event) => {
    if (!input.files.length || !form.checkValidity()) return;
    event.preventDefault();
    const button = form.querySelector("button");
    button.disabled = true;
    list.replaceChildren();
    let whole = true;
    for (const file of [...input.files]) {
      const line = document.createElement("li");
      line.append(`${file.name} `, Object.assign(document.createElement("progress"), { max: 1, value: 0 }));
      line.append(Object.assign(document.createElement("span"), { textContent: words.uploading, className: "muted" }));
      list.append(line);
      whole = (await send(form, file, line)) && whole;
    }
    button.disabled = false;
    if (whole) location.reload();
  });
  drop?.addEventListener("dragover", (event) => {
    event.preventDefault();
    drop.classList.add("over");
  });
  drop?.addEventListener("dragleave", () => drop.classList.remove("over"));
  drop?.addEventListener("drop", (event) => {
    event.preventDefault();
    drop.classList.remove("over");
    input.files = event.dataTransfer.files;
  });
}
