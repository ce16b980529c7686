// What the pages of the book do in the browser. No library, nothing from elsewhere; nothing leaves the reader's machine.
"use strict"

const all = (selector, within = document) => [...within.querySelectorAll(selector)]
const storage = {
  read(key) { try { return localStorage.getItem(key) } catch { return null } },
  write(key, value) { try { value === null ? localStorage.removeItem(key) : localStorage.setItem(key, value) } catch { /* full or forbidden */ } },
}

// Colours: as the system, its opposite, its like: the first press always changes what one sees. The head of the page has applied the stored choice already.
const THEMES = { "": "as the system", light: "light", dark: "dark" }
function setUpTheme() {
  const button = document.querySelector("button.theme")
  if (!button) return
  const label = () => button.setAttribute("aria-label", `Colours: ${THEMES[document.documentElement.dataset.theme ?? ""]}`)
  button.addEventListener("click", () => {
    const names = matchMedia("(prefers-color-scheme: dark)").matches ? ["", "light", "dark"] : ["", "dark", "light"]
    const next = names[(names.indexOf(document.documentElement.dataset.theme ?? "") + 1) % names.length]
    if (next) document.documentElement.dataset.theme = next
    else delete document.documentElement.dataset.theme
    storage.write("course-theme", next || null)
    label()
  })
  label()
}

// Cells are named, so that a listener can tell code from what it prints.
function setUpCells() {
  all(".cell").forEach((cell, index) => {
    for (const [part, name] of [[".cell_input", "Code"], [".cell_output", "Output"]]) {
      const box = cell.querySelector(part)
      box?.setAttribute("role", "group")
      box?.setAttribute("aria-label", `${name}, cell ${index + 1}`)
    }
  })
}

// A button that copies a block of code.
function setUpCopy() {
  const said = document.createElement("p") // a screen reader hears what a button has become
  said.className = "visually-hidden"
  said.setAttribute("role", "status")
  document.querySelector("main").append(said)
  for (const block of all("article .highlight")) {
    if (block.closest(".cell_output")) continue
    const button = document.createElement("button")
    button.type = "button"
    button.className = "copy"
    const where = block.closest("[role=group]")?.getAttribute("aria-label")
    const show = (text, name = text) => { button.textContent = text; button.setAttribute("aria-label", name) }
    const offer = () => show("Copy", where ? `Copy: ${where}` : "Copy this code")
    offer()
    button.addEventListener("click", async () => {
      try {
        await navigator.clipboard.writeText(block.querySelector("pre").textContent.replace(/\n$/, ""))
        show("Copied")
      } catch {
        show("Select it by hand")
      }
      said.textContent = button.textContent
      setTimeout(() => { offer(); said.textContent = "" }, 2000)
    })
    block.append(button)
  }
}

// What scrolls sideways can be reached and scrolled with the keyboard, and only then; its edge fades while there is more.
function setUpScrolling() {
  const own = (box) => box.querySelector("table") ? "Table" : box.querySelector("img") ? "Picture" : "Code"
  const name = (box) => box.closest(".cell_input, .cell_output")?.getAttribute("aria-label") ?? own(box)
  const more = (box) => box.scrollLeft + box.clientWidth < box.scrollWidth - 1
  const mark = ([box, scrolls, more]) => {
    if (scrolls) {
      box.tabIndex = 0
      box.setAttribute("role", "group")
      box.setAttribute("aria-label", `${name(box)}, scrolls sideways`)
    } else {
      for (const attribute of ["tabindex", "role", "aria-label"]) box.removeAttribute(attribute)
    }
    // Browsers count in fractions of a pixel, and would let Tab stop at a box that is too wide by one of them.
    box.style.overflow = scrolls ? "" : "hidden"
    box.classList.toggle("more", more)
  }
  // First all is measured, then all is changed: taking turns would make the browser lay out a long page again and again.
  const watch = new ResizeObserver((entries) =>
    entries.map(({ target: box }) => [box, box.scrollWidth > box.clientWidth + 1, more(box)]).forEach(mark))
  for (const box of all("article pre, .pst-scrollable-table-container, .cell_output .text_html, .cell_output .picture")) {
    watch.observe(box)
    box.addEventListener("scroll", () => box.classList.toggle("more", more(box)), { passive: true })
  }
}

// Tables that can be sorted: a button in each heading. Dates stand in words and are compared as numbers, year first.
const MONTHS = "January February March April May June July August September October November December".split(" ")
const DATE = RegExp(`(\\d+) (${MONTHS.join("|")}) (\\d{4})`, "g")
const yearFirst = (text) => text.replace(DATE, (_, day, month, year) => `${year} ${MONTHS.indexOf(month) + 1} ${day}`)

function setUpSorting() {
  const words = new Intl.Collator("en", { numeric: true }).compare
  const number = (text) => parseFloat(text.replace(/(\d),(?=\d)/g, "$1"))
  const compare = (a, b) => number(a) - number(b) || words(a, b) // words, too, when one of the two is no number
  for (const table of all("table.sortable")) {
    const headings = all("thead th", table)
    headings.forEach((heading, column) => {
      const button = document.createElement("button")
      button.type = "button"
      button.append(...heading.childNodes)
      heading.append(button)
      button.addEventListener("click", () => {
        const up = heading.getAttribute("aria-sort") !== "ascending"
        headings.forEach((other) => other.removeAttribute("aria-sort"))
        heading.setAttribute("aria-sort", up ? "ascending" : "descending")
        const text = (row) => yearFirst(all("p:not(.column)", row.cells[column]).map((p) => p.textContent).join(" ").replace(/^[“"]/, ""))
        const body = table.tBodies[0]
        body.append(...[...body.rows].sort((a, b) => (up ? 1 : -1) * compare(text(a), text(b))))
      })
    })
  }
}

// A definition opens by a press, which needs no script. Pointing at the term opens it too.
function setUpTerms() {
  if (!HTMLElement.prototype.showPopover || !matchMedia("(hover: hover)").matches) return
  for (const button of all("button.term")) {
    const box = document.getElementById(button.getAttribute("popovertarget"))
    let timer
    const later = (what, wait) => { clearTimeout(timer); timer = setTimeout(what, wait) }
    const show = () => { if (!box.matches(":popover-open")) box.showPopover({ source: button }) }
    const hide = () => { if (box.matches(":popover-open")) box.hidePopover() }
    button.addEventListener("pointerenter", () => later(show, 250))
    button.addEventListener("pointerleave", () => later(hide, 250))
    box.addEventListener("pointerenter", () => clearTimeout(timer))
    box.addEventListener("pointerleave", () => later(hide, 250))
    button.addEventListener("click", () => clearTimeout(timer))
  }
}

// Words that were searched for are marked on the page that was found.
function setUpHighlighting() {
  if (!storage.read("sphinx_highlight_terms") || typeof Search !== "undefined") return
  const root = document.documentElement.dataset.content_root
  const load = (name) => new Promise((resolve) => {
    const script = document.createElement("script")
    script.src = `${root}_static/${name}`
    script.onload = resolve
    document.head.append(script)
  })
  load("documentation_options.js").then(() => load("doctools.js")).then(() => load("sphinx_highlight.js")).then(() => {
    // Sphinx marks the words in a moment of its own. A result without a place of its own opens at the first of them.
    setTimeout(() => { if (!location.hash) document.querySelector("article .highlighted")?.scrollIntoView({ block: "center" }) }, 100)
  })
}

// Progress. One object in this browser: pages read, exercises solved, options opened (the first is the answer).
const progress = {
  key: "course-progress",
  empty: () => ({ version: 1, read: {}, exercises: {}, answers: {} }),
  load() {
    try { return this.valid(JSON.parse(storage.read(this.key))) ?? this.empty() } catch { return this.empty() }
  },
  save(state) { storage.write(this.key, JSON.stringify(state)) },
  change(how) { const state = this.load(); how(state); this.save(state); showProgress(); return state },
  // The same object with nothing in it that is not ours, or null: a file may come from anywhere.
  valid(state) {
    if (state?.version !== 1) return null
    const clean = this.empty()
    for (const kind of ["read", "exercises"]) {
      for (const [key, value] of Object.entries(state[kind] ?? {})) if (value === true) clean[kind][key] = true
    }
    for (const { page } of COURSE) {
      const answers = state.answers?.[page]
      for (const [question, options] of Object.entries(answers ?? {})) {
        if (Array.isArray(options) && options.length && options.every((n) => Number.isInteger(n) && n > 0 && n < 10)) {
          (clean.answers[page] ??= {})[question] = options
        }
      }
    }
    return clean
  },
}
const thisPage = () => document.querySelector('#contents a[aria-current="page"]')?.dataset.page

function setUpTicks() {
  for (const [attribute, kind] of [["read", "read"], ["exercise", "exercises"]]) {
    for (const box of all(`input[data-${attribute}]`)) {
      const key = box.dataset[attribute]
      box.checked = Boolean(progress.load()[kind][key])
      box.addEventListener("change", () => progress.change((state) => {
        if (box.checked) state[kind][key] = true
        else delete state[kind][key]
      }))
    }
  }
}

function setUpQuestions() {
  for (const question of all(".question")) {
    const options = all("details", question)
    const outcome = question.querySelector(".outcome")
    const opened = () => progress.load().answers[thisPage()]?.[question.id] ?? []
    const show = () => {
      const [first] = opened()
      for (const option of options) option.classList.toggle("answer", Number(option.dataset.option) === first)
      const answer = options.find((option) => Number(option.dataset.option) === first)
      outcome.textContent = answer ? `Your answer was ${String.fromCharCode(64 + first)}. ${"right" in answer.dataset ? "It is right." : "It is not the right one."}` : ""
    }
    for (const option of options) {
      const number = Number(option.dataset.option)
      if (opened().includes(number)) option.open = true
      option.querySelector("summary").addEventListener("click", () => {
        if (option.open || opened().includes(number)) return
        progress.change((state) => {
          const answers = (state.answers[thisPage()] ??= {})
          answers[question.id] = [...(answers[question.id] ?? []), number]
        })
        show()
      })
    }
    show()
  }
}

// How far a reader is in a chapter.
function count(chapter, state) {
  const solved = chapter.exercises.filter((key) => state.exercises[key])
  const answers = answersOf(chapter, state)
  return {
    read: Boolean(state.read[chapter.page]),
    exercises: [solved.length, chapter.exercises.length],
    questions: [answers.length, Object.keys(chapter.right).length],
  }
}

function showProgress() {
  const state = progress.load()
  for (const chapter of COURSE) {
    const { read, exercises, questions } = count(chapter, state)
    const said = [
      read && "read",
      exercises[0] && `${exercises[0]} of ${exercises[1]} exercises`,
      questions[0] && `${questions[0]} of ${questions[1]} questions`,
    ].filter(Boolean).join(", ")
    for (const link of all(`#contents a[data-page="${chapter.page}"], .chapters a[data-page="${chapter.page}"]`)) {
      const done = read && exercises[0] === exercises[1] && questions[0] === questions[1]
      link.nextElementSibling?.matches(".done") && link.nextElementSibling.remove()
      if (!said) continue
      const note = document.createElement("span")
      note.className = "done"
      note.textContent = done ? `✓ ${said}` : said
      link.after(note)
    }
    const row = document.querySelector(`tr[data-chapter="${chapter.page}"]`)
    if (!row) continue
    const cells = [read ? "yes" : "not yet", exercises.join(" of "), questions.join(" of "), rightAtOnce(chapter, state)]
    cells.forEach((text, index) => { row.cells[index + 1].textContent = text })
  }
}

// Answers to questions that the chapter still has, as [id, options]; an older edition may have had others.
const answersOf = (chapter, state) => Object.entries(state.answers[chapter.page] ?? {}).filter(([id]) => id in chapter.right)

// The first option that a reader opened is the answer given.
function rightAtOnce(chapter, state) {
  const answers = answersOf(chapter, state)
  return answers.length ? `${answers.filter(([id, options]) => chapter.right[id] === options[0]).length} of ${answers.length}` : "–"
}

function setUpProgressPage() {
  const message = document.getElementById("progress-message")
  if (!message) return
  const say = (text) => { message.textContent = text }
  document.getElementById("export").addEventListener("click", () => {
    const link = document.createElement("a")
    link.href = URL.createObjectURL(new Blob([JSON.stringify(progress.load(), null, 1)], { type: "application/json" }))
    link.download = "azure-ai-engineer-progress.json"
    link.click()
    say("Saved to your downloads.")
  })
  document.getElementById("import").addEventListener("change", async (event) => {
    const [file] = event.target.files
    event.target.value = ""
    let state = null
    try { state = progress.valid(JSON.parse(await file.text())) } catch { /* said below */ }
    if (!state) return say("That file does not hold the progress of this course. Nothing was changed.")
    progress.save(state)
    showProgress()
    say("Loaded. What this browser knew before has been replaced.")
  })
  document.getElementById("erase").addEventListener("click", () => {
    if (!confirm("Erase all ticks and answers kept in this browser?")) return
    storage.write(progress.key, null)
    showProgress()
    say("Erased.")
  })
}

// Paper has no folds.
function setUpPrint() {
  let closed = []
  addEventListener("beforeprint", () => {
    closed = all("details:not([open])")
    closed.forEach((fold) => { fold.open = true })
  })
  addEventListener("afterprint", () => closed.forEach((fold) => { fold.open = false }))
}

for (const setUp of [setUpTheme, setUpCells, setUpCopy, setUpScrolling, setUpSorting, setUpTerms, setUpTicks, setUpQuestions, setUpProgressPage, setUpPrint, showProgress, setUpHighlighting]) setUp()
