// The file source over real folders: what it hands on, and what it keeps when files are broken.
import assert from "node:assert/strict";
import fs from "node:fs";
import { describe, it } from "node:test";
import type { Networking_ServiceEntry } from "../../../../src/shared/gen/istio.js";
import type { ConfigObject } from "../../../../src/shared/model/config.ts";
import { type Harness, makeHarness, serviceEntry, virtualService } from "./file-source-harness.ts";

const SE = "ServiceEntry/shop/";
const VS = "VirtualService/shop/";

function hosts(h: Harness, name: string): readonly string[] | undefined {
  const object = h.objects.get(SE + name) as ConfigObject<Networking_ServiceEntry> | undefined;
  return object?.spec.hosts;
}

describe("first read", { timeout: 20_000 }, () => {
  it("hands on everything in one delta, from all folders and kinds of files", async (t) => {
    const h = makeHarness(t);
    fs.mkdirSync(h.file("sub/deeper"), { recursive: true });
    h.write("a.yaml", `# head\n---\n${serviceEntry("a1")}---\n${serviceEntry("a2")}`);
    h.write("sub/b.yml", serviceEntry("b"));
    h.write("sub/deeper/c.json", JSON.stringify({ apiVersion: "v1", kind: "Namespace", metadata: { name: "shop" } }));
    h.write("notes.txt", "not configuration");
    h.write(".hidden.yaml", "{{{");
    h.write("a.yaml~", "{{{");
    h.write("#a.yaml#", "{{{");
    h.write("deployment.yaml", "apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: x\n");
    await h.source.start();
    assert.equal(h.deltas.length, 1);
    assert.deepEqual([...h.objects.keys()].sort(), ["Namespace//shop", `${SE}a1`, `${SE}a2`, `${SE}b`]);
    assert.equal(h.rejections.size, 0);
    assert.deepEqual(h.objects.get(`${SE}a2`)!.origin, { source: h.file("a.yaml"), line: 17 });
  });

  it("reports a folder that isn't there, and takes it when it comes", async (t) => {
    const h = makeHarness(t);
    fs.rmdirSync(h.dir);
    await h.source.start();
    assert.match(h.rejections.get(h.dir)![0]!.reason, /ENOENT/);
    fs.mkdirSync(h.dir);
    h.write("a.yaml", serviceEntry("a"));
    await h.until(() => h.objects.has(`${SE}a`) && h.rejections.size === 0);
  });
});

describe("changes", { timeout: 20_000 }, () => {
  it("takes a rename over a file, and hands on only what differs", async (t) => {
    const h = makeHarness(t);
    h.write("a.yaml", [serviceEntry("one"), serviceEntry("two")].join("---\n"));
    await h.source.start();
    h.replace("a.yaml", [serviceEntry("one"), "# moved\n\n", serviceEntry("two", "new.example.com")].join("---\n"));
    await h.until(() => hosts(h, "two")?.[0] === "new.example.com");
    assert.equal(h.deltas.length, 2);
    assert.deepEqual(
      h.deltas[1]!.upserts.map((o) => o.meta.name),
      ["two"],
    );
  });

  it("says nothing when only the text differs", async (t) => {
    const h = makeHarness(t);
    h.write("a.yaml", serviceEntry("a"));
    await h.source.start();
    h.replace("a.yaml", `# comment\n${serviceEntry("a").replace("  name: a\n", "  name: 'a'\n")}`);
    h.write("b.yaml", serviceEntry("b"));
    await h.until(() => h.objects.has(`${SE}b`));
    assert.deepEqual(
      h.deltas.slice(1).flatMap((d) => d.upserts.map((o) => o.meta.name)),
      ["b"],
    );
  });

  it("takes objects out with their document and with their file", async (t) => {
    const h = makeHarness(t);
    h.write("a.yaml", [serviceEntry("one"), serviceEntry("two")].join("---\n"));
    await h.source.start();
    h.replace("a.yaml", serviceEntry("one"));
    await h.until(() => !h.objects.has(`${SE}two`));
    assert.ok(h.objects.has(`${SE}one`));
    fs.rmSync(h.file("a.yaml"));
    await h.until(() => h.objects.size === 0);
  });

  it("doesn't blink when an object moves to another file", async (t) => {
    const h = makeHarness(t, { removalDelayMs: 30 });
    h.write("b.yaml", serviceEntry("one"));
    await h.source.start();
    fs.renameSync(h.file("b.yaml"), h.file("a.yaml"));
    h.replace("z.yaml", serviceEntry("end"));
    await h.until(() => h.objects.has(`${SE}end`));
    fs.rmSync(h.file("z.yaml"));
    await h.until(() => !h.objects.has(`${SE}end`));
    const touched = h.deltas
      .slice(1)
      .flatMap((d) => [...d.upserts.map((o) => o.meta.name), ...d.deletes.map((k) => k.name)]);
    assert.deepEqual(touched, ["end", "end"]);
    assert.equal(h.rejections.size, 0);
  });

  it("follows folders that come, change their name, and go", async (t) => {
    const h = makeHarness(t);
    await h.source.start();
    fs.mkdirSync(h.file("x/y"), { recursive: true });
    h.write("x/y/a.yaml", serviceEntry("a"));
    await h.until(() => h.objects.has(`${SE}a`));
    fs.renameSync(h.file("x"), h.file("z"));
    h.write("z/y/b.yaml", serviceEntry("b"));
    await h.until(() => h.objects.has(`${SE}b`));
    h.replace("z/y/a.yaml", serviceEntry("a", "after.example.com"));
    await h.until(() => hosts(h, "a")?.[0] === "after.example.com");
    fs.rmSync(h.file("z"), { recursive: true });
    await h.until(() => h.objects.size === 0);
  });

  it("follows a symlinked file to where it is", async (t) => {
    const h = makeHarness(t);
    const elsewhere = makeHarness(t);
    elsewhere.write("real.txt", serviceEntry("a"));
    fs.symlinkSync(elsewhere.file("real.txt"), h.file("a.yaml"));
    await h.source.start();
    assert.ok(h.objects.has(`${SE}a`));
    elsewhere.replace("real.txt", serviceEntry("a", "new.example.com"));
    await h.until(() => hosts(h, "a")?.[0] === "new.example.com");
  });

  it("follows the switch of a mounted ConfigMap", async (t) => {
    const h = makeHarness(t);
    fs.mkdirSync(h.file("..v1"));
    h.write("..v1/a.yaml", serviceEntry("a", "v1.example.com"));
    h.write("..v1/gone.yaml", serviceEntry("gone"));
    fs.symlinkSync("..v1", h.file("..data"));
    fs.symlinkSync("..data/a.yaml", h.file("a.yaml"));
    fs.symlinkSync("..data/gone.yaml", h.file("gone.yaml"));
    await h.source.start();
    assert.deepEqual([...h.objects.keys()].sort(), [`${SE}a`, `${SE}gone`]);
    for (const version of ["..v2", "..v3"]) {
      fs.mkdirSync(h.file(version));
      h.write(`${version}/a.yaml`, serviceEntry("a", `${version.slice(2)}.example.com`));
      fs.symlinkSync(version, h.file("..data_tmp"));
      fs.renameSync(h.file("..data_tmp"), h.file("..data"));
      await h.until(() => hosts(h, "a")?.[0] === `${version.slice(2)}.example.com`);
    }
    fs.rmSync(h.file("gone.yaml"));
    await h.until(() => h.objects.size === 1);
  });
});

describe("rejections", { timeout: 20_000 }, () => {
  it("names file, line, field and reason in each of several documents", async (t) => {
    const h = makeHarness(t);
    h.write(
      "a.yaml",
      `${serviceEntry("ok")}---\n# two\n${virtualService("bad").replace("weight:", "weigth:")}---\nkind: [\n`,
    );
    await h.source.start();
    assert.ok(h.objects.has(`${SE}ok`));
    const found = h.rejections.get(h.file("a.yaml"))!;
    assert.deepEqual(found[0], {
      source: h.file("a.yaml"),
      line: 28,
      key: { kind: "VirtualService", namespace: "shop", name: "bad" },
      field: "spec.http[0].route[0].weigth",
      reason: "unknown field; did you mean weight?",
    });
    assert.equal(found[1]!.key, undefined);
    assert.ok(found[1]!.line! >= 29);
    assert.equal(found.length, 2);
  });

  it("keeps the last good version of an invalid object, and takes the rest of the file", async (t) => {
    const h = makeHarness(t);
    h.write("a.yaml", [virtualService("vs", 100), serviceEntry("other")].join("---\n"));
    await h.source.start();
    const good = h.objects.get(`${VS}vs`);
    h.replace("a.yaml", [virtualService("vs", '"heavy"'), serviceEntry("other", "new.example.com")].join("---\n"));
    await h.until(() => hosts(h, "other")?.[0] === "new.example.com");
    assert.equal(h.objects.get(`${VS}vs`), good);
    assert.equal(h.rejections.get(h.file("a.yaml"))![0]!.field, "spec.http[0].route[0].weight");
    h.replace("a.yaml", [virtualService("vs", 50), serviceEntry("other", "new.example.com")].join("---\n"));
    await h.until(() => h.rejections.size === 0 && h.objects.get(`${VS}vs`) !== good);
  });

  it("keeps the last good objects of a file that can't be parsed, until it can", async (t) => {
    const h = makeHarness(t);
    h.write("a.yaml", serviceEntry("a"));
    await h.source.start();
    const whole = serviceEntry("a", "new.example.com");
    fs.writeFileSync(h.file("a.yaml"), `${whole.slice(0, whole.indexOf("hosts"))}"hosts: [`);
    await h.until(() => h.rejections.has(h.file("a.yaml")));
    assert.deepEqual(hosts(h, "a"), ["a.example.com"]);
    fs.writeFileSync(h.file("a.yaml"), whole);
    await h.until(() => hosts(h, "a")?.[0] === "new.example.com" && h.rejections.size === 0);
    assert.ok(h.deltas.every((delta) => delta.deletes.length === 0));
  });

  it("keeps what an unreadable file said", { skip: process.getuid?.() === 0 && "root reads everything" }, async (t) => {
    const h = makeHarness(t);
    h.write("a.yaml", serviceEntry("a"));
    await h.source.start();
    fs.chmodSync(h.file("a.yaml"), 0);
    await h.until(() => h.rejections.has(h.file("a.yaml")));
    assert.ok(h.objects.has(`${SE}a`));
    fs.chmodSync(h.file("a.yaml"), 0o644);
    await h.until(() => h.rejections.size === 0);
  });

  it("lets the first of two files define an object, and the second when the first goes", async (t) => {
    const h = makeHarness(t);
    h.write("b.yaml", serviceEntry("x", "b.example.com"));
    await h.source.start();
    h.write("a.yaml", `# first\n${serviceEntry("x", "a.example.com")}`);
    await h.until(() => hosts(h, "x")?.[0] === "a.example.com" && h.rejections.size === 1);
    const [rejection] = h.rejections.get(h.file("b.yaml"))!;
    assert.equal(rejection!.line, 1);
    assert.equal(rejection!.reason, `is defined in ${h.file("a.yaml")}:2 already, which is in force`);
    fs.rmSync(h.file("a.yaml"));
    await h.until(() => hosts(h, "x")?.[0] === "b.example.com" && h.rejections.size === 0);
  });

  it("rejects the second of two definitions in one file", async (t) => {
    const h = makeHarness(t);
    h.write("a.yaml", [serviceEntry("x", "one.example.com"), serviceEntry("x", "two.example.com")].join("---\n"));
    await h.source.start();
    assert.deepEqual(hosts(h, "x"), ["one.example.com"]);
    assert.equal(h.rejections.get(h.file("a.yaml"))![0]!.line, 15);
  });
});
