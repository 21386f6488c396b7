// Fetches a part of a view: the server renders it from the same template as the whole.

// Answers null where there is none, and where `signal` says that nobody waits for it any more.
export async function part(address, name, signal = undefined) {
  const url = new URL(address, location.href);
  url.searchParams.set("part", name);
  try {
    const answer = await fetch(url, { headers: { Accept: "text/html" }, signal });
    if (!answer.ok) return null;
    const text = await answer.text();
    return new DOMParser().parseFromString(text, "text/html").body;
  } catch {
    return null;
  }
}
