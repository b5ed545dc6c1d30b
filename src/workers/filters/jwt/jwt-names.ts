// Where the JWT filter leaves what it read, for the filters after it. Any thread.

/** Name of the filter, and so of its dynamic metadata. */
export const JWT_FILTER = "envoy.filters.http.jwt_authn";

/** Key of the token's claims in that metadata. */
export const JWT_PAYLOAD = "payload";
