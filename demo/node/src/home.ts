// Where does a user go after a form?

/** A relative address, because the address of the service may be that of a proxy. */
export function home(): Response {
  return new Response(null, { status: 303, headers: { location: "/" } });
}
