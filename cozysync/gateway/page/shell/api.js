// The gateway's interface, /api/v1. What is kept of the person is the app password, and only here.

const KEY = "cozysync-phone";

export class Problem extends Error {
  constructor(status, detail, remedy) {
    super(detail);
    this.status = status;
    this.remedy = remedy;
  }
}

export class Away extends Error {}

let authorization = null;

export function remember(name, password, stay) {
  const bytes = new TextEncoder().encode(`${name}:${password}`);
  authorization = "Basic " + btoa(String.fromCharCode(...bytes));
  (stay ? localStorage : sessionStorage).setItem(KEY, authorization);
}

export function recall() {
  authorization = sessionStorage.getItem(KEY) || localStorage.getItem(KEY);
  return authorization !== null;
}

export function forget() {
  authorization = null;
  sessionStorage.clear();
  localStorage.clear();
}

/** Ask, and give back the answer whatever its status. Throws Away when there is none. */
export async function ask(method, what, {params = {}, headers = {}, body, signal} = {}) {
  const query = new URLSearchParams(params).toString();
  const address = what.startsWith("/") ? what : `/api/v1/${what}`;
  try {
    return await fetch(query ? `${address}?${query}` : address, {
      method, body, signal, cache: "no-store", credentials: "omit", redirect: "error",
      headers: {...headers, authorization},
    });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Away("The gateway cannot be reached.");
  }
}

/** Ask, and throw a Problem for an answer that is one. */
export async function done(method, what, how) {
  const answer = await ask(method, what, how);
  if (answer.ok) return answer;
  let detail = `The gateway answered ${answer.status}.`, remedy = "";
  try {
    const type = answer.headers.get("content-type") || "";
    if (type.includes("json")) ({detail, remedy} = await answer.json());
    else detail = (await answer.text()).trim() || detail;
  } catch { /* what was to be told did not come whole: the status says enough */ }
  throw new Problem(answer.status, detail, remedy);
}

export async function get(what, params, signal) {
  return (await done("GET", what, {params, signal})).json();
}
