// Forms that a person's own key answers: a new one is made, or what is decided is signed.
(function () {
  "use strict";
  function bytes(text) {
    var raw = atob(text.replace(/-/g, "+").replace(/_/g, "/"));
    return Uint8Array.from(raw, function (c) { return c.charCodeAt(0); });
  }
  function text(buffer) {
    var raw = String.fromCharCode.apply(null, new Uint8Array(buffer));
    return btoa(raw).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
  }
  function hex(digits) {
    return Uint8Array.from(digits.match(/../g), function (two) { return parseInt(two, 16); });
  }
  function known(form) {
    return form.dataset.ids.split(" ").filter(Boolean).map(function (id) {
      return { type: "public-key", id: bytes(id) };
    });
  }
  function create(form) {
    return navigator.credentials.create({ publicKey: {
      rp: { id: form.dataset.rp, name: "Sluss" },
      user: { id: hex(form.dataset.user), name: form.dataset.login,
        displayName: form.dataset.name },
      challenge: bytes(form.dataset.challenge),
      pubKeyCredParams: [{ type: "public-key", alg: -7 }, { type: "public-key", alg: -8 }],
      excludeCredentials: known(form),
      authenticatorSelection: { userVerification: "required", residentKey: "discouraged" },
      attestation: "none", timeout: 120000
    } }).then(function (made) {
      form.elements.attestation_object.value = text(made.response.attestationObject);
      form.elements.client_data.value = text(made.response.clientDataJSON);
    });
  }
  function get(form, button) {
    return navigator.credentials.get({ publicKey: {
      rpId: form.dataset.rp, challenge: bytes(button.dataset.challenge),
      allowCredentials: known(form), userVerification: "required", timeout: 120000
    } }).then(function (found) {
      form.elements.credential.value = text(found.rawId);
      form.elements.authenticator_data.value = text(found.response.authenticatorData);
      form.elements.client_data.value = text(found.response.clientDataJSON);
      form.elements.signature.value = text(found.response.signature);
    });
  }
  function say(form, words) {
    var at = form.querySelector("[data-said]");
    at.textContent = words;
    at.hidden = !words;
  }
  addEventListener("submit", function (event) {
    var form = event.target, button = event.submitter;
    // Once it is answered, it is sent as any other form.
    if (!form.dataset.key || form.dataset.answered) return;
    event.preventDefault();
    if (form.dataset.busy) return;
    if (!navigator.credentials || !window.PublicKeyCredential) {
      say(form, "This browser knows no keys here: it takes HTTPS, or localhost.");
      return;
    }
    form.dataset.busy = "1";
    say(form, "");
    var asked = form.dataset.key === "create" ? create(form) : get(form, button);
    asked.then(function () {
      form.dataset.answered = "1";
      form.requestSubmit(button);
    }).catch(function (error) {
      delete form.dataset.busy;
      say(form, "The key did not answer, so nothing was decided (" + error.name + ").");
    });
  });
})();
