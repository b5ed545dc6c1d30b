// The method that server and clients of the limit agree on.
export const PATH = "/limit.Limit/Exchange";
