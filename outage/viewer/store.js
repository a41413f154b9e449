"use strict";
// The encrypted copy in this browser. The page and its worker both load this.
//
// Two keys: whatever arrives is encrypted to a public key, so that the copy refreshes itself with nobody there; the
// private key lies here wrapped by a key made from the passphrase, which is never kept and never sent.

const Store = (() => {
  const NAME = "ballast-snapshot";
  const ROUNDS = 1000000;
  const RSA = {name: "RSA-OAEP", modulusLength: 3072, publicExponent: new Uint8Array([1, 0, 1]), hash: "SHA-256"};
  const text = new TextEncoder();

  const open = () => new Promise((done, failed) => {
    const asked = indexedDB.open(NAME, 1);
    asked.onupgradeneeded = () => asked.result.createObjectStore("kept");
    asked.onsuccess = () => done(asked.result);
    asked.onerror = () => failed(asked.error);
  });

  async function transact(mode, work) {
    const database = await open();
    try {
      return await new Promise((done, failed) => {
        const transaction = database.transaction("kept", mode, {durability: "strict"});
        const asked = work(transaction.objectStore("kept"));
        transaction.oncomplete = () => done(asked && asked.result);
        transaction.onerror = transaction.onabort = () => failed(transaction.error);
      });
    } finally {
      database.close();
    }
  }

  const get = (name) => transact("readonly", (kept) => kept.get(name));
  const put = (records) => transact("readwrite", (kept) => {
    for (const [name, value] of Object.entries(records)) kept.put(value, name);
  });
  const erase = () => transact("readwrite", (kept) => kept.clear());
  const change = (name, how) => transact("readwrite", (kept) => {
    const asked = kept.get(name);
    asked.onsuccess = () => { if (asked.result) kept.put(how(asked.result), name); };
  });

  async function fromPassphrase(passphrase, salt, rounds) {
    const typed = await crypto.subtle.importKey("raw", text.encode(passphrase.normalize("NFC")), "PBKDF2", false, ["deriveKey"]);
    return crypto.subtle.deriveKey({name: "PBKDF2", hash: "SHA-256", salt, iterations: rounds}, typed,
      {name: "AES-GCM", length: 256}, false, ["encrypt", "decrypt"]);
  }

  // A fresh pair of keys, the private one under the passphrase.
  async function makeKeys(passphrase) {
    const pair = await crypto.subtle.generateKey(RSA, true, ["encrypt", "decrypt"]);
    const salt = crypto.getRandomValues(new Uint8Array(16)), iv = crypto.getRandomValues(new Uint8Array(12));
    const under = await fromPassphrase(passphrase, salt, ROUNDS);
    const secret = await crypto.subtle.exportKey("pkcs8", pair.privateKey);
    return {
      salt, iv, rounds: ROUNDS, public: await crypto.subtle.exportKey("spki", pair.publicKey),
      wrapped: await crypto.subtle.encrypt({name: "AES-GCM", iv, additionalData: text.encode("keys")}, under, secret),
    };
  }

  // The private key, or null for a wrong passphrase.
  async function unwrap(keys, passphrase) {
    const under = await fromPassphrase(passphrase, keys.salt, keys.rounds);
    let secret;
    try {
      secret = await crypto.subtle.decrypt({name: "AES-GCM", iv: keys.iv, additionalData: text.encode("keys")}, under, keys.wrapped);
    } catch {
      return null;
    }
    return crypto.subtle.importKey("pkcs8", secret, {name: "RSA-OAEP", hash: "SHA-256"}, false, ["decrypt"]);
  }

  async function lock(keys, kind, words) {
    const outer = await crypto.subtle.importKey("spki", keys.public, {name: "RSA-OAEP", hash: "SHA-256"}, false, ["encrypt"]);
    const raw = crypto.getRandomValues(new Uint8Array(32)), iv = crypto.getRandomValues(new Uint8Array(12));
    const inner = await crypto.subtle.importKey("raw", raw, "AES-GCM", false, ["encrypt"]);
    return {
      iv, key: await crypto.subtle.encrypt({name: "RSA-OAEP"}, outer, raw),
      body: await crypto.subtle.encrypt({name: "AES-GCM", iv, additionalData: text.encode(kind)}, inner, text.encode(words)),
    };
  }

  async function unlock(secret, kind, locked) {
    const raw = await crypto.subtle.decrypt({name: "RSA-OAEP"}, secret, locked.key);
    const inner = await crypto.subtle.importKey("raw", raw, "AES-GCM", false, ["decrypt"]);
    const words = await crypto.subtle.decrypt({name: "AES-GCM", iv: locked.iv, additionalData: text.encode(kind)}, inner, locked.body);
    return new TextDecoder().decode(words);
  }

  const ask = (path, options = {}) => fetch(`/snapshot/${path}`, {
    cache: "no-store", credentials: "same-origin", redirect: "error", signal: AbortSignal.timeout(30000),
    ...options, headers: {"X-Ballast-Snapshot": "1", ...options.headers},
  });

  async function digestOf(words) {
    const found = new Uint8Array(await crypto.subtle.digest("SHA-256", text.encode(words)));
    return [...found].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  }

  const alone = (work) => navigator.locks ? navigator.locks.request(NAME, work) : work();

  // Fetch what is new and store it. Answers none, offline, revoked, unknown, trouble, same or new.
  const refresh = () => alone(async () => {
    const state = await fetched();
    if (self.BroadcastChannel) {
      const channel = new BroadcastChannel(NAME);
      channel.postMessage(state);
      channel.close();
    }
    return state;
  });

  async function fetched() {
    const keys = await get("keys"), about = await get("about"), there = await get("data");
    if (!keys || !about) return "none";
    let answer, found;
    try {
      answer = await ask(`data?known=${there ? about.digest : ""}`);
      if (answer.status === 410) { await erase(); return "revoked"; }
      if (answer.status === 401) return "unknown";
      if (!answer.ok) return "trouble";
      found = await answer.json();
    } catch {
      return "offline";
    }
    if (found.text !== undefined) {
      if (await digestOf(found.text) !== found.digest) return "trouble";
      const facts = JSON.parse(found.text);
      const now = {...about, clinic: facts.clinic, zone: facts.zone, locale: facts.locale, digest: found.digest, madeAt: found.made_at, formsWanted: facts.forms};
      await put({data: await lock(keys, "data", found.text), about: now});
    } else {
      await change("about", (one) => ({...one, madeAt: found.made_at}));
    }
    const stands = await get("about");
    if (stands.formsWanted !== stands.forms) await fetchForms(keys);
    try { await ask("stored", {method: "POST"}); } catch { /* said with the next one */ }
    return found.text === undefined ? "same" : "new";
  }

  async function fetchForms(keys) {
    try {
      const answer = await ask("forms");
      if (!answer.ok) return;
      const words = await answer.text();
      await put({forms: await lock(keys, "forms", words)});
      const {version} = JSON.parse(words);
      await change("about", (one) => ({...one, forms: version}));
    } catch { /* with the next refresh */ }
  }

  // Bind this browser by a code. Answers a sentence where it does not work, else nothing.
  async function enrol(code, passphrase) {
    const keys = await makeKeys(passphrase);
    let answer, found;
    try {
      answer = await ask("enrol", {method: "POST", body: JSON.stringify({code}), headers: {"Content-Type": "application/json"}});
      found = await answer.json();
    } catch {
      return "Ballast does not answer. This first step needs the network; try again in a moment.";
    }
    if (!answer.ok) return found.problem || "That did not work. Try again.";
    await erase();
    await put({keys, about: {name: found.name, clinic: found.clinic, digest: "", madeAt: "", forms: "", tries: 0}});
    return "";
  }

  async function leave() {
    try { await ask("leave", {method: "POST"}); } catch { /* it is taken off by hand then */ }
    await alone(erase);
  }

  return {NAME, get, put, change, erase, fromPassphrase, makeKeys, unwrap, unlock, refresh, enrol, leave};
})();
