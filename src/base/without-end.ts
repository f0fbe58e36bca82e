/**
 * `text` without the run of `character` at its end. Walks back from the end: the regular expression for it (`/x+$/`)
 * tries each place where a run begins, and walks a run that ends elsewhere anew from each of its characters. A stranger
 * who writes 60,000 of them so holds the loop for seconds.
 */
export function withoutEnd(text: string, character: string): string {
  const code = character.charCodeAt(0);
  let end = text.length;
  while (end > 0 && text.charCodeAt(end - 1) === code) end -= 1;
  return text.slice(0, end);
}
