// Pages work without this. With it they stay true without being loaded again, step logs grow, and
// keys go places.
(function () {
  "use strict";
  var main = function () { return document.getElementById("main"); };
  var link = function (text) {
    var at = document.getElementById("link");
    if (at) at.textContent = text ? " · " + text : "";
  };

  // Live: what changed is fetched again and takes the place of what is shown.
  var fetching = false, again = false;
  function concerns(topics) {
    var mine = (main().dataset.topics || "*").split(" ");
    return mine.indexOf("*") >= 0 || topics.indexOf("*") >= 0 ||
      topics.some(function (topic) { return mine.indexOf(topic) >= 0; });
  }
  function typing() {
    var at = document.activeElement;
    if (main().querySelector("form[data-busy]")) return true;
    if (at && main().contains(at) && /^(INPUT|TEXTAREA|SELECT)$/.test(at.tagName)) return true;
    return Array.prototype.some.call(main().querySelectorAll("input,textarea"), function (field) {
      return field.type !== "hidden" && field.value !== field.defaultValue;
    });
  }
  function mark(element) {
    if (!element || !main().contains(element)) return null;
    if (element.id) return "#" + CSS.escape(element.id);
    var href = element.getAttribute("href");
    if (href) return "a[href=\"" + CSS.escape(href) + "\"]";
    var row = element.closest("[data-href]");
    return row ? "[data-href=\"" + CSS.escape(row.dataset.href) + "\"]" : null;
  }
  function swap(html) {
    var found = new DOMParser().parseFromString(html, "text/html");
    var fresh = found.getElementById("main"), now = main();
    if (!fresh) return;
    var focus = mark(document.activeElement), x = scrollX, y = scrollY;
    var open = {}, scrolled = {};
    now.querySelectorAll("details[id]").forEach(function (d) { open[d.id] = d.open; });
    now.querySelectorAll("[data-keep]").forEach(function (e) {
      scrolled[e.dataset.keep] = [e.scrollLeft, e.scrollTop];
    });
    now.innerHTML = fresh.innerHTML;
    now.dataset.topics = fresh.dataset.topics;
    now.querySelectorAll("details[id]").forEach(function (d) {
      if (d.id in open) d.open = open[d.id];
    });
    now.querySelectorAll("[data-keep]").forEach(function (e) {
      var at = scrolled[e.dataset.keep];
      if (at) { e.scrollLeft = at[0]; e.scrollTop = at[1]; }
    });
    var foot = found.getElementById("foot");
    if (foot) document.getElementById("foot").innerHTML = foot.innerHTML;
    scrollTo(x, y);
    var to = focus && now.querySelector(focus);
    if (to && to.dataset.href) to.tabIndex = -1;
    if (to) to.focus({ preventScroll: true });
    tail();
  }
  function refresh() {
    // What a page says of one moment (a refusal, help) is not replaced by what is at its address.
    if (main().dataset.topics === "none") return;
    if (fetching) { again = true; return; }
    if (typing()) { link("there is news; it is shown when your form is sent or empty"); return; }
    fetching = true;
    var address = new URL(location.href);
    address.searchParams.set("fragment", "main");
    fetch(address, { headers: { "X-Fragment": "main" }, credentials: "same-origin" })
      .then(function (answer) { return answer.ok ? answer.text() : Promise.reject(answer.status); })
      .then(function (html) { swap(html); link("live"); })
      .catch(function (status) {
        if (status === 401) location.reload(); else link("could not be refreshed");
      })
      .finally(function () {
        fetching = false;
        if (again) { again = false; setTimeout(refresh, 300); }
      });
  }
  if (window.EventSource && document.querySelector(".me")) {
    // A browser keeps six connections to a host at most: only the page that is looked at has one.
    var source = null;
    var heard = "";
    var listen = function () {
      if (source || document.hidden) return;
      source = new EventSource("/live?since=" + main().dataset.size);
      source.addEventListener("changed", function (event) {
        var changed = JSON.parse(event.data);
        if (String(changed.size) === heard) return;
        heard = String(changed.size);
        if (concerns(changed.topics)) refresh();
      });
      source.onopen = function () { link("live"); };
      source.onerror = function () { link("not connected; trying again"); };
    };
    var rest = function () {
      if (source) source.close();
      source = null;
    };
    addEventListener("pagehide", rest);
    addEventListener("pageshow", function (event) {
      listen();
      if (event.persisted) refresh();
    });
    document.addEventListener("visibilitychange", function () {
      if (document.hidden) rest(); else { listen(); refresh(); }
    });
    listen();
    addEventListener("focusout", function () {
      if (/there is news/.test(document.getElementById("link").textContent)) {
        setTimeout(function () { if (!typing()) refresh(); }, 200);
      }
    });
    // "5 s ago" is not true for long.
    setInterval(function () { if (!document.hidden) refresh(); }, 30000);
  }

  // The log of a running step grows.
  var tailing = null;
  function said(line) { return line.replace(/^\d+\t[oen]\t/, ""); }
  function tail() {
    clearTimeout(tailing);
    var log = document.querySelector("pre[data-tail]");
    if (!log) return;
    fetch(log.dataset.tail + "?from=" + log.dataset.from, { credentials: "same-origin" })
      .then(function (answer) { return answer.ok ? answer.arrayBuffer() : null; })
      .then(function (bytes) {
        if (!bytes || !document.contains(log)) return;
        var atEnd = log.scrollTop + log.clientHeight >= log.scrollHeight - 24;
        // Only whole lines: the rest of the last one comes with what follows.
        var whole = new Uint8Array(bytes);
        whole = whole.subarray(0, whole.lastIndexOf(10) + 1);
        log.append(new TextDecoder().decode(whole).split("\n").map(said).join("\n"));
        log.dataset.from = Number(log.dataset.from) + whole.length;
        if (atEnd) log.scrollTop = log.scrollHeight;
        tailing = setTimeout(tail, bytes.byteLength ? 300 : 1000);
      })
      .catch(function () { tailing = setTimeout(tail, 3000); });
  }
  tail();

  // Keys.
  var places = { b: "/", e: "/environments", a: "/approvals", i: "/incidents", f: "/freezes",
    l: "/log" };
  var gone = 0;
  function rows() { return Array.prototype.slice.call(main().querySelectorAll("[data-href]")); }
  function move(by) {
    var all = rows(), at = all.indexOf(document.activeElement.closest("[data-href]"));
    var to = all[at < 0 ? 0 : Math.max(0, Math.min(all.length - 1, at + by))];
    if (to) { to.tabIndex = -1; to.focus(); to.scrollIntoView({ block: "nearest" }); }
  }
  // A decision from the keyboard: what was begun with is what is sent, never the other.
  function decide(card, what) {
    var form = card && card.querySelector("form[data-decide]");
    if (!form) return false;
    form.dataset.decide = what;
    form.elements[what === "refuse" ? "reason" : "password"].focus();
    return true;
  }
  function said_so(event, field) {
    var form = field.form, what = form.dataset.decide;
    event.preventDefault();
    var missing = what === "refuse" && !form.elements.reason.value.trim() ? "reason"
      : !form.elements.password.value ? "password" : null;
    if (missing) { form.elements[missing].focus(); return; }
    if (what) form.requestSubmit(form.querySelector("button[value=" + what + "]"));
  }
  addEventListener("keydown", function (event) {
    var at = event.target;
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (/^(INPUT|TEXTAREA|SELECT)$/.test(at.tagName)) {
      if (event.key === "Escape") {
        var card = at.closest("[data-href]");
        if (card) card.focus(); else at.blur();
      }
      if (event.key === "Enter" && at.form && "decide" in at.form.dataset) said_so(event, at);
      return;
    }
    var key = event.key;
    if (gone && Date.now() - gone < 1500 && places[key]) { location.href = places[key]; return; }
    gone = key === "g" ? Date.now() : 0;
    if (key === "/") {
      var find = document.getElementById("q");
      if (find) { find.focus(); event.preventDefault(); }
    } else if (key === "?") {
      var keys = document.getElementById("keys");
      if (keys && keys.showModal && !keys.open) keys.showModal();
    } else if (key === "j") { move(1); } else if (key === "k") { move(-1); }
    else if ((key === "a" || key === "r") && at.closest) {
      if (decide(at.closest("[data-href]"), key === "a" ? "approve" : "refuse")) {
        event.preventDefault();
      }
    }
    else if (key === "Enter" && at.dataset && at.dataset.href) { location.href = at.dataset.href; }
  });
})();
