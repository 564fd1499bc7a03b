// Comparing and trimming header values.
//
// A header value is a byte string: each character stands for one byte (the Fetch standard's
// "isomorphic" strings, and what Node gives). The methods of String know more white space and more
// letters than ASCII, so a byte such as 0xA0 would be treated differently than in the Rust library.

/** Removes tab, line feed, form feed, carriage return and space from both ends. */
export function trimAscii(text: string): string {
  let [start, end] = [0, text.length];
  while (start < end && isSpace(text.charCodeAt(start))) start += 1;
  while (end > start && isSpace(text.charCodeAt(end - 1))) end -= 1;
  return text.slice(start, end);
}

function isSpace(code: number): boolean {
  return code === 0x20 || code === 0x09 || code === 0x0a || code === 0x0c || code === 0x0d;
}

/** Makes the letters A to Z small and changes nothing else. */
export function lowerAscii(text: string): string {
  return text.replace(/[A-Z]/g, (letter) => letter.toLowerCase());
}
