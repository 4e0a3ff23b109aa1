// A link from another site comes without the cookie of this one; asked from here, the page may well be open.
const state = await fetch("/state.json").catch(() => null);
if (state && state.ok) location.replace("/");
