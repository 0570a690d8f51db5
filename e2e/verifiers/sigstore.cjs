// @sigstore/verify reads bundles offline, with our trusted root and our key.
"use strict";
const fs = require("fs");
const path = require("path");
const crypto = require("crypto");
const { bundleFromJSON } = require("@sigstore/bundle");
const { TrustedRoot } = require("@sigstore/protobuf-specs");
const { Verifier, toSignedEntity, toTrustMaterial } = require("@sigstore/verify");

const samples = process.argv[2];
const read = (name) => JSON.parse(fs.readFileSync(path.join(samples, name), "utf8"));
const copy = (value) => JSON.parse(JSON.stringify(value));

const keys = new Map(read("trust/keys.json").keys.map((key) => [key.keyid, key.spki]));
const findKey = (hint) => {
  if (!keys.has(hint)) throw new Error(`no key ${hint}`);
  const key = Buffer.from(keys.get(hint), "base64");
  return {
    publicKey: crypto.createPublicKey({ key, format: "der", type: "spki" }),
    validFor: () => true,
  };
};

function accepts(bundle, root) {
  try {
    const trust = toTrustMaterial(TrustedRoot.fromJSON(root), findKey);
    const options = { tlogThreshold: 1, timestampThreshold: 0, ctlogThreshold: 0 };
    new Verifier(trust, options).verify(toSignedEntity(bundleFromJSON(bundle)));
    return true;
  } catch (error) {
    accepts.why = error;
    return false;
  }
}

const root = read("trust/trusted_root.json");
const folder = path.join(samples, "dossier/attestations");
const names = fs.readdirSync(folder).filter((name) => name.endsWith(".sigstore.json"));
if (names.length === 0) throw new Error("no bundles");

const entry = (bundle) => bundle.verificationMaterial.tlogEntries[0];
const flipped = (text) => {
  const bytes = Buffer.from(text, "base64");
  bytes[bytes.length >> 1] ^= 1;
  return bytes.toString("base64");
};
const changes = {
  "a zeroed hash of the proof": (bundle) => {
    entry(bundle).inclusionProof.hashes[0] = Buffer.alloc(32).toString("base64");
  },
  "a changed payload": (bundle) => {
    bundle.dsseEnvelope.payload = flipped(bundle.dsseEnvelope.payload);
  },
  "a changed signature": (bundle) => {
    const [signature] = bundle.dsseEnvelope.signatures;
    signature.sig = flipped(signature.sig);
  },
  "a changed leaf": (bundle) => {
    entry(bundle).canonicalizedBody = flipped(entry(bundle).canonicalizedBody);
  },
  "another size in the checkpoint": (bundle) => {
    const { checkpoint } = entry(bundle).inclusionProof;
    const lines = checkpoint.envelope.split("\n");
    lines[1] = String(Number(lines[1]) + 1);
    checkpoint.envelope = lines.join("\n");
  },
  "another index": (bundle) => {
    const { inclusionProof } = entry(bundle);
    inclusionProof.logIndex = String(Number(inclusionProof.logIndex) ^ 1);
  },
};

let wrong = 0;
const expect = (accepted, wanted, what) => {
  if (accepted === wanted) return;
  wrong += 1;
  console.error(`${what}: ${accepted ? "accepted" : `rejected: ${accepts.why}`}`);
};
for (const name of names) {
  const bundle = read(path.join("dossier/attestations", name));
  expect(accepts(copy(bundle), copy(root)), true, name);
  for (const [what, change] of Object.entries(changes)) {
    const changed = copy(bundle);
    change(changed);
    expect(accepts(changed, copy(root)), false, `${name} with ${what}`);
  }
  const short = copy(root);
  const id = short.tlogs[0].checkpointKeyId;
  id.keyId = Buffer.from(id.keyId, "base64").subarray(0, 4).toString("base64");
  expect(accepts(copy(bundle), short), false, `${name} with a checkpointKeyId of 4 bytes`);
}
const version = require("@sigstore/verify/package.json").version;
console.log(`   @sigstore/verify ${version}: ${names.length} bundles, ${Object.keys(changes).length + 1} changes each`);
process.exit(wrong === 0 ? 0 : 1);
