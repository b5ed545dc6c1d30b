// What EnvoyFilters change, seen at a real Envoy in front of the shop: that it takes effect, and goes away again.
import assert from "node:assert/strict";
import fs from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { stringify } from "yaml";
import { assertConfigurationAccepted } from "../support/envoy.ts";
import { assertNothingRejected, type RunningShop, startShop } from "../support/running-shop.ts";
import { askShop, type ShopAnswer } from "../support/shop-client.ts";
import { until } from "../support/until.ts";

const PAGE = "/productpage";
const MANAGER = "envoy.filters.network.http_connection_manager";
const TYPES = "type.googleapis.com/envoy.extensions.filters.http";

function ask({ sample }: RunningShop, headers: Readonly<Record<string, string>> = {}): Promise<ShopAnswer> {
  return askShop(sample, PAGE, { headers });
}

/** Replaces the patches that the test has made. */
function apply(shop: RunningShop, ...configPatches: readonly object[]): void {
  const object = {
    apiVersion: "networking.istio.io/v1alpha3",
    kind: "EnvoyFilter",
    metadata: { name: "test", namespace: "istio-system" },
    spec: { workloadSelector: { labels: { istio: "ingressgateway" } }, configPatches },
  };
  const file = path.join(shop.sample.configDir, "filters.yaml");
  fs.writeFileSync(`${file}.new`, configPatches.length > 0 ? stringify(object) : "");
  fs.renameSync(`${file}.new`, file);
}

/** A filter right before the router. */
function httpFilter(value: object): object {
  const filter = { name: MANAGER, subFilter: { name: "envoy.filters.http.router" } };
  const match = { context: "GATEWAY", listener: { filterChain: { filter } } };
  return { applyTo: "HTTP_FILTER", match, patch: { operation: "INSERT_BEFORE", value } };
}

function lua(text: string): object {
  const code = `function envoy_on_response(handle) handle:headers():add("x-lua", "${text}") end`;
  return { "@type": `${TYPES}.lua.v3.Lua`, default_source_code: { inline_string: code } };
}

test("EnvoyFilters at a gateway", async (t) => {
  const shop = await startShop(t, "delta");
  if (!shop) return;
  const answers = (what: string, is: (answer: ShopAnswer) => boolean, headers = {}): Promise<boolean> =>
    until(what, async () => is(await ask(shop, headers)));

  await t.test("a Lua filter sees every answer", async () => {
    apply(shop, httpFilter({ name: "test.lua", typed_config: lua("one") }));
    await answers("the filter is there", ({ headers }) => headers["x-lua"] === "one");
    apply(shop, httpFilter({ name: "test.lua", typed_config: lua("two") }));
    await answers("the filter is another one", ({ headers }) => headers["x-lua"] === "two");
  });

  await t.test("virtual hosts add headers", async () => {
    const header = { header: { key: "x-host", value: "patched" }, append_action: "OVERWRITE_IF_EXISTS_OR_ADD" };
    apply(shop, {
      applyTo: "VIRTUAL_HOST",
      match: { context: "GATEWAY" },
      patch: { operation: "MERGE", value: { response_headers_to_add: [header] } },
    });
    await answers("the header is there", ({ headers }) => headers["x-host"] === "patched");
    await answers("the filter is gone", ({ headers }) => headers["x-lua"] === undefined);
  });

  await t.test("requests are limited where a route says so", async () => {
    const limit = {
      "@type": `${TYPES}.local_ratelimit.v3.LocalRateLimit`,
      stat_prefix: "test",
      token_bucket: { max_tokens: 1, tokens_per_fill: 1, fill_interval: "600s" },
      filter_enabled: { default_value: { numerator: 100, denominator: "HUNDRED" } },
      filter_enforced: { default_value: { numerator: 100, denominator: "HUNDRED" } },
    };
    const name = "envoy.filters.http.local_ratelimit";
    apply(shop, httpFilter({ name, typed_config: { "@type": limit["@type"], stat_prefix: "test" } }), {
      applyTo: "HTTP_ROUTE",
      match: { context: "GATEWAY", routeConfiguration: { vhost: { route: { action: "ROUTE" } } } },
      patch: { operation: "MERGE", value: { typed_per_filter_config: { [name]: limit } } },
    });
    await answers("the limit is reached", ({ status }) => status === 429);
  });

  await t.test("a filter's configuration comes by itself", async () => {
    const discovery = {
      config_source: { ads: {}, resource_api_version: "V3", initial_fetch_timeout: "0s" },
      type_urls: [`${TYPES}.lua.v3.Lua`],
    };
    const extension = (text: string): object => ({
      applyTo: "EXTENSION_CONFIG",
      patch: { operation: "ADD", value: { name: "test.found", typed_config: lua(text) } },
    });
    const filter = httpFilter({ name: "test.found", config_discovery: discovery });
    apply(shop, filter, extension("three"));
    await answers("it is there", ({ status, headers }) => status === 200 && headers["x-lua"] === "three");
    apply(shop, filter, extension("four"));
    await answers("it is another one", ({ headers }) => headers["x-lua"] === "four");
  });

  await t.test("an extension that is newer than our descriptors works, too", async () => {
    const type = `${TYPES}.api_key_auth.v3.ApiKeyAuth`;
    const keys = { credentials: [{ key: "secret", client: "one" }], key_sources: [{ header: "x-key" }] };
    apply(shop, httpFilter({ name: "test.keys", typed_config: { "@type": type, ...keys } }));
    await answers("a key is asked for", ({ status }) => status === 401);
    assert.equal((await ask(shop, { "x-key": "secret" })).status, 200);
  });

  await t.test("what is wrong with a patch is said, and nothing else suffers", async () => {
    const wrong = httpFilter({
      name: "test.wrong",
      typed_config: { "@type": `${TYPES}.buffer.v3.Buffer`, max_request_bytes: "many" },
    });
    apply(shop, wrong, httpFilter({ name: "test.lua", typed_config: lua("five") }));
    await answers("the other patch is there", ({ headers }) => headers["x-lua"] === "five");
    const said = shop.log.filter((line) => line.includes("left out of what is generated"));
    assert.equal(said.length, 1, said.join("\n"));
    assert.match(
      said[0]!,
      /EnvoyFilter\/istio-system\/test.*spec\.configPatches\[0\]\.patch\.value\.typed_config\.max_request_bytes: /,
    );
  });

  await t.test("all of it goes", async () => {
    apply(shop);
    await answers("the shop is as it was", ({ headers }) => headers["x-lua"] === undefined);
    // The newer extension is one that Envoy's authors still work at.
    await assertConfigurationAccepted(shop.envoy, /api_key_auth.* marked as work-in-progress/);
    await assertNothingRejected(shop.server);
  });
});
