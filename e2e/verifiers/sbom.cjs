// Bills of materials and declarations of controls, as 1.6 and as 1.7, judged by the strict validator
// of @cyclonedx/cyclonedx-library: sbom.cjs FOLDER, or sbom.cjs --running FOLDER. It reads the JSON
// with ajv, which is another reader of the schemas than that of cyclonedx-python-lib.
"use strict";
const fs = require("fs");
const path = require("path");
const { Spec, Validation } = require("@cyclonedx/cyclonedx-library");

const running = process.argv[2] === "--running";
const folder = process.argv[running ? 3 : 2];
if (folder === undefined) throw new Error("say where the samples are");
const listed = running ? [] : fs.readdirSync(path.join(folder, "sbom")).sort();
const names = running
  ? ["dossier/sbom.cdx.json", "controls.cdx.json"]
  : ["dossier/sbom.cdx.json", ...listed.map((name) => path.join("sbom", name))];
if (!running && names.length <= 3) throw new Error("too few samples");

const versions = { 1.6: Spec.Version.v1dot6, 1.7: Spec.Version.v1dot7 };
const validators = Object.fromEntries(
  Object.entries(versions).map(([spelt, version]) => [
    spelt,
    new Validation.JsonStrictValidator(version),
  ]),
);

const changes = {
  "an unknown property": (bom) => ({ ...bom, unknown: 1 }),
  "a number as name": (bom) => ({ ...bom, components: [{ type: "library", name: 1 }] }),
  "no specVersion": ({ specVersion, ...rest }) => rest,
};
const declared = {
  "a number as a claim's predicate": (bom) => {
    bom.declarations.claims[0].predicate = 1;
    return bom;
  },
  "an unknown property of a claim": (bom) => {
    bom.declarations.claims[0].unknown = "x";
    return bom;
  },
};

let wrong = 0;
let rejected = 0;
async function expect(wanted, what, spelt, text) {
  const found = await validators[spelt].validate(text);
  if (found !== null) rejected += 1;
  if ((found === null) === wanted) return;
  wrong += 1;
  console.error(`${what}: ${found === null ? "accepted" : JSON.stringify(found).slice(0, 500)}`);
}

async function main() {
  for (const name of names) {
    const text = fs.readFileSync(path.join(folder, name), "utf8");
    const own = JSON.parse(text);
    // As it was written, and then with the other version.
    await expect(true, name, own.specVersion, text);
    for (const spelt of Object.keys(versions)) {
      const schema = `http://cyclonedx.org/schema/bom-${spelt}.schema.json`;
      const bom = { ...own, specVersion: spelt, $schema: schema };
      await expect(true, `${name} as ${spelt}`, spelt, JSON.stringify(bom));
      const all = own.declarations ? { ...changes, ...declared } : changes;
      for (const [what, change] of Object.entries(all)) {
        const changed = change(structuredClone(bom));
        await expect(false, `${name} as ${spelt} with ${what}`, spelt, JSON.stringify(changed));
      }
    }
    let byte = text.replace('"type":"library"', '"type":"librarz"');
    if (byte === text) byte = text.replace('"bomFormat"', '"bomFormau"');
    if (byte === text) throw new Error(`${name}: nothing to change`);
    await expect(false, `${name} with one byte changed`, own.specVersion, byte);
  }
  const { version } = require("@cyclonedx/cyclonedx-library/package.json");
  const counted = `${names.length} documents, each as 1.6 and 1.7; ${rejected} copies rejected`;
  console.log(`   @cyclonedx/cyclonedx-library ${version}: ${counted}`);
  process.exit(wrong === 0 ? 0 : 1);
}
main();
