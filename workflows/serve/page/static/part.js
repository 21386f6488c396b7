// Fetches a part of a view: the server renders it from the same template as the whole.

export async function part(address, name) {
  const url = new URL(address, location.href);
  url.searchParams.set("part", name);
  try {
    const answer = await fetch(url, { headers: { Accept: "text/html" } });
    if (!answer.ok) return null;
    const text = await answer.text();
    return new DOMParser().parseFromString(text, "text/html").body;
  } catch {
    return null;
  }
}
