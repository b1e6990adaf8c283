/**
 * The token that the API wants where its operator has configured some. It is typed in, and kept by the
 * browser until the tab is closed: never in the address, which is copied and logged.
 *
 * @module
 */

const KEY = "data-tracker-token";

/** The headers that a request bears. */
export function headersOf(storage) {
  const token = storage.getItem(KEY);
  return token === null ? {} : { authorization: `Bearer ${token}` };
}

/** Keeps a token as it was typed or pasted; nothing typed forgets it. */
export function keepToken(storage, text) {
  const token = text.trim().replace(/^Bearer +/i, "");
  if (token === "") storage.removeItem(KEY);
  else storage.setItem(KEY, token);
}

/** What is wrong with a token before it is sent, in words; `null`: nothing. */
export function tokenProblem(text) {
  const token = text.trim().replace(/^Bearer +/i, "");
  return /^[\x21-\x7e]*$/.test(token) ? null : "A token has letters, digits and signs, no spaces";
}

/** What to say where the API wants a token, or another. */
export function refusalOf(storage) {
  return storage.getItem(KEY) === null
    ? "A token is needed to look here; its operator gives you one"
    : "This token is not known here";
}
