// Is a response a server error, so that the changes of its session are discarded?

/**
 * The gRPC status codes that `google.rpc.Code` maps to 500 and above: UNKNOWN, DEADLINE_EXCEEDED,
 * UNIMPLEMENTED, INTERNAL, UNAVAILABLE and DATA_LOSS.
 */
const GRPC_SERVER_ERRORS: readonly string[] = ["2", "4", "12", "13", "14", "15"];

/**
 * Whether a response is a server error. `grpcStatus` is its header `grpc-status`: a failed unary
 * gRPC call has the status 200 and this header.
 */
export function isServerError(status: number, grpcStatus: unknown): boolean {
  return status >= 500 || GRPC_SERVER_ERRORS.includes(String(grpcStatus));
}
