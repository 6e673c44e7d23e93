// A widget's pictures, drawn when the site was built: the slider shows one of them, and the words that describe it.
for (const figure of document.querySelectorAll("figure.frames:has(input)")) {
  const frames = JSON.parse(figure.querySelector("script").textContent)
  const [slider, label, words] = ["input", "output", "figcaption"].map(name => figure.querySelector(name))
  const images = figure.querySelectorAll("img")
  slider.addEventListener("input", () => {
    const frame = frames[slider.value]
    images.forEach((image, n) => { image.src = frame.files[n] })
    label.textContent = frame.label
    slider.setAttribute("aria-valuetext", frame.label)
    words.innerHTML = frame.words
  })
}

// A table that is wider than a phone scrolls; the keyboard must be able to reach it, too.
for (const table of document.querySelectorAll("article table")) {
  if (table.scrollWidth > table.clientWidth) table.tabIndex = 0
}
