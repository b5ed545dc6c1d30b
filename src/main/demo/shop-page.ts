// The sample's page as HTML. Pure.
import type { Answer, Details, Reviews } from "./shop-services.ts";

const STYLE = `
  body { font: 16px/1.5 system-ui, sans-serif; max-width: 44rem; margin: 3rem auto; padding: 0 1rem; color: #17242f }
  h1 { margin-bottom: 0 } small { color: #5b6b78 } section { margin-top: 2rem }
  .version { display: inline-block; padding: 0 .6em; border-radius: 1em; background: #dbe7f0 }
  .red { color: #c0232c } .black { color: #17242f } .missing { color: #c0232c }`;

export function productPage(servedBy: string, details: Answer<Details>, reviews: Answer<Reviews>): string {
  const book = details.ok
    ? `<h1>${escapeHtml(details.body.title)}</h1><p>${escapeHtml(details.body.author)}, ${details.body.pages} pages</p>`
    : `<h1>The shop</h1><p class="missing">No details: ${escapeHtml(details.reason)}</p>`;
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>The shop</title><style>${STYLE}</style></head><body>
${book}
<section>${reviews.ok ? reviewList(reviews.body) : `<p class="missing">No reviews: ${escapeHtml(reviews.reason)}</p>`}</section>
<small>served by ${escapeHtml(servedBy)}; as a tester: <a href="/productpage?user=tester">/productpage?user=tester</a></small>
</body></html>
`;
}

function reviewList({ version, color, reviews }: Reviews): string {
  const items = reviews.map(({ reviewer, text, stars }) => {
    const row =
      stars === undefined ? "" : `<br><span class="${color}">${"★".repeat(stars)}${"☆".repeat(5 - stars)}</span>`;
    return `<blockquote>${escapeHtml(text)} <small>${escapeHtml(reviewer)}</small>${row}</blockquote>`;
  });
  return `<h2>Reviews <span class="version">${escapeHtml(version)}</span></h2>${items.join("")}`;
}

function escapeHtml(text: string): string {
  return text.replace(/[&<>"]/g, (c) => `&#${c.charCodeAt(0)};`);
}
