// Formats of access logs: Istio's own, and those that operators give. Worker threads, pure.
// https://istio.io/latest/docs/tasks/observability/logs/access-log/#default-access-log-format
import { envoy } from "../../../shared/gen/envoy.js";
import { any, struct } from "../../encode/values.ts";

type Format = envoy.config.core.v3.ISubstitutionFormatString;
type Extension = envoy.config.core.v3.ITypedExtensionConfig;

const { ReqWithoutQuery } = envoy.extensions.formatter.req_without_query.v3;

/** Istio's format where nobody gives one. */
export const TEXT_FORMAT =
  '[%START_TIME%] "%REQ(:METHOD)% %REQ(X-ENVOY-ORIGINAL-PATH?:PATH)% %PROTOCOL%" %RESPONSE_CODE% %RESPONSE_FLAGS% ' +
  '%RESPONSE_CODE_DETAILS% %CONNECTION_TERMINATION_DETAILS% "%UPSTREAM_TRANSPORT_FAILURE_REASON%" ' +
  "%BYTES_RECEIVED% %BYTES_SENT% %DURATION% %RESP(X-ENVOY-UPSTREAM-SERVICE-TIME)% " +
  '"%REQ(X-FORWARDED-FOR)%" "%REQ(USER-AGENT)%" "%REQ(X-REQUEST-ID)%" "%REQ(:AUTHORITY)%" "%UPSTREAM_HOST%" ' +
  "%UPSTREAM_CLUSTER_RAW% %UPSTREAM_LOCAL_ADDRESS% %DOWNSTREAM_LOCAL_ADDRESS% %DOWNSTREAM_REMOTE_ADDRESS% " +
  "%REQUESTED_SERVER_NAME% %ROUTE_NAME%\n";

/** The same fields by name. */
export const JSON_FIELDS: Readonly<Record<string, string>> = {
  start_time: "%START_TIME%",
  route_name: "%ROUTE_NAME%",
  method: "%REQ(:METHOD)%",
  path: "%REQ(X-ENVOY-ORIGINAL-PATH?:PATH)%",
  protocol: "%PROTOCOL%",
  response_code: "%RESPONSE_CODE%",
  response_flags: "%RESPONSE_FLAGS%",
  response_code_details: "%RESPONSE_CODE_DETAILS%",
  connection_termination_details: "%CONNECTION_TERMINATION_DETAILS%",
  bytes_received: "%BYTES_RECEIVED%",
  bytes_sent: "%BYTES_SENT%",
  duration: "%DURATION%",
  upstream_service_time: "%RESP(X-ENVOY-UPSTREAM-SERVICE-TIME)%",
  x_forwarded_for: "%REQ(X-FORWARDED-FOR)%",
  user_agent: "%REQ(USER-AGENT)%",
  request_id: "%REQ(X-REQUEST-ID)%",
  authority: "%REQ(:AUTHORITY)%",
  upstream_host: "%UPSTREAM_HOST%",
  upstream_cluster: "%UPSTREAM_CLUSTER_RAW%",
  upstream_local_address: "%UPSTREAM_LOCAL_ADDRESS%",
  downstream_local_address: "%DOWNSTREAM_LOCAL_ADDRESS%",
  downstream_remote_address: "%DOWNSTREAM_REMOTE_ADDRESS%",
  requested_server_name: "%REQUESTED_SERVER_NAME%",
  upstream_transport_failure_reason: "%UPSTREAM_TRANSPORT_FAILURE_REASON%",
};

/** Lines of text; Istio's where `format` is empty. Each ends in a newline, whether the format does or not. */
export function textFormat(format: string | undefined, omitEmptyValues = false): Format {
  const line = format ? (format.endsWith("\n") ? format : `${format}\n`) : TEXT_FORMAT;
  return { textFormatSource: { inlineString: line }, ...shared(formatters(line), omitEmptyValues) };
}

/** Lines of JSON; Istio's fields where there are none. */
export function jsonFormat(labels: Readonly<Record<string, unknown>> | undefined, omitEmptyValues = false): Format {
  const fields = labels && Object.keys(labels).length > 0 ? labels : JSON_FIELDS;
  return { jsonFormat: struct(fields), jsonFormatOptions: {}, ...shared(formatters("", fields), omitEmptyValues) };
}

function shared(needed: Extension[], omitEmptyValues: boolean): Format {
  return { ...(omitEmptyValues ? { omitEmptyValues } : {}), ...(needed.length > 0 ? { formatters: needed } : {}) };
}

/** Extensions that a text and fields need, but for what Envoy always understands. Fields within fields don't count. */
export function formatters(text: string, labels: Readonly<Record<string, unknown>> = {}): Extension[] {
  const texts = [text, ...Object.values(labels).filter((label) => typeof label === "string")];
  if (!texts.some((each) => each.includes("%REQ_WITHOUT_QUERY"))) return [];
  const type = "envoy.extensions.formatter.req_without_query.v3.ReqWithoutQuery";
  return [{ name: "envoy.formatter.req_without_query", typedConfig: any(type, ReqWithoutQuery, {}) }];
}
