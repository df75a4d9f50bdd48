// numbers that the page holds as text, and numbers as files

/** Bytes that are written in base64. */
const bytesOf = (text) => {
  const raw = atob(text);
  const bytes = new Uint8Array(raw.length);
  for (let i = 0; i < raw.length; i += 1) bytes[i] = raw.charCodeAt(i);
  return bytes;
};

/** Offer numbers as a file. */
const offer = (place, name, text) => {
  const link = document.createElement("a");
  link.download = name;
  link.href = URL.createObjectURL(new Blob([text], { type: "text/csv" }));
  link.textContent = name;
  place.append(link);
  return link;
};

/** One line of a CSV file; words are quoted where they must be, and none is a formula to a spreadsheet. */
const csvLine = (cells) => cells.map((cell) => {
  const formula = typeof cell === "string" && /^'*[=+\-@\t\r＝＋－＠]/.test(cell) && Number.isNaN(Number(cell));
  const text = `${formula ? "'" : ""}${cell ?? ""}`;
  return /[",\n\r]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}).join(",");

window.depthscope = { offer, csvLine, bytesOf };
