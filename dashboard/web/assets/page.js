// What the page does by itself in the browser, without asking the server.
window.dash_clientside = window.dash_clientside || {};
(function () {
  var heard = 0; // when the server last said anything, by this machine's clock
  var pushed = 0; // when it last spoke through the open connection
  var skew = 0; // this machine's clock less the server's
  var seen = null, seenTold = null, seenAnswer = null;

  function ago(seconds) {
    if (seconds < 2) return "just now";
    if (seconds < 90) return Math.round(seconds) + " s ago";
    if (seconds < 5400) return Math.round(seconds / 60) + " min ago";
    if (seconds < 129600) return Math.round(seconds / 3600) + " h ago";
    return Math.round(seconds / 86400) + " days ago";
  }

  // What the server says by itself (told) proves the open connection; an answer only proves the server.
  function hear(told, answer) {
    [told, answer].forEach(function (pulse) {
      if (!pulse || pulse === seenTold || pulse === seenAnswer) return;
      heard = Date.now();
      if (pulse === told) { seenTold = told; pushed = heard; } else { seenAnswer = answer; }
      if (!seen || pulse.now >= seen.now) { seen = pulse; skew = heard - pulse.now; }
    });
  }

  function liveness() {
    var now = Date.now();
    if (!heard) return ["waiting", "connecting"];
    if (now - heard > 75000) return ["lost", "no connection to callmeter"];
    if (seen.problem) return [seen.lines ? "lost" : "waiting", seen.problem];
    if (seen.loaded < seen.days) return ["waiting", "reading day " + seen.loaded + " of " + seen.days];
    if (!pushed) return ["slow", "every 30 s"]; // a browser without an open connection asks by itself
    return now - pushed < 20000 ? ["live", "live"] : ["lost", "connection lost, trying again"];
  }

  function words() {
    var said = [liveness()[1]];
    if (seen && seen.last) said.push("last call " + ago((Date.now() - skew - seen.last) / 1000));
    else if (seen && !seen.problem) said.push("no calls yet");
    if (seen && seen.bad) said.push(seen.bad.toLocaleString("en") + (seen.bad === 1 ? " bad line" : " bad lines"));
    return said.join(" · ");
  }

  function keep(plot, fresh) {
    var layout = Object.assign({}, fresh.layout);
    ["xaxis", "yaxis", "yaxis2"].forEach(function (name) {
      var now = plot.layout[name];
      if (now && layout[name] && now.autorange === false && now.range && !layout[name].range)
        layout[name] = Object.assign({}, layout[name], { range: now.range.slice(), autorange: false });
    });
    var shown = {};
    plot.data.forEach(function (trace) { if (trace.name) shown[trace.name] = trace.visible; });
    var data = fresh.data.map(function (trace) {
      return trace.name && shown[trace.name] !== undefined
        ? Object.assign({}, trace, { visible: shown[trace.name] }) : trace;
    });
    return { data: data, layout: layout };
  }

  function element(type, props) {
    return { namespace: "dash_html_components", type: type, props: props };
  }

  // As the server writes durations, in whole seconds.
  function lasted(seconds) {
    var s = Math.max(0, Math.floor(seconds));
    function two(n) { return (n < 10 ? "0" : "") + n; }
    if (s < 60) return s + " s";
    if (s < 3600) return Math.floor(s / 60) + " m " + two(s % 60) + " s";
    if (s < 86400) return Math.floor(s / 3600) + " h " + two(Math.floor(s % 3600 / 60)) + " m";
    return Math.floor(s / 86400) + " d " + Math.floor(s % 86400 / 3600) + " h";
  }

  function passing(calls, search) {
    var chosen = new URLSearchParams(search || "");
    return calls.filter(function (call) {
      return ["model", "project", "task", "worker"].every(function (facet) {
        var wanted = chosen.getAll(facet);
        return !wanted.length || wanted.indexOf(call[facet]) >= 0;
      });
    });
  }

  function span(words, name) {
    return element("Span", { children: words, className: name, title: words });
  }

  function since(started) {
    var now = liveness()[0] === "lost" ? heard : Date.now(); // what is not known to run does not tick on
    return lasted((now - skew - started) / 1000);
  }

  function took(call) {
    return element("Span", { children: since(call.started), className: "took", "data-started": call.started });
  }

  // Only the words change from second to second: drawing the list again would take away what is selected in it.
  window.setInterval(function () {
    document.documentElement.classList.toggle("lost-sight", liveness()[0] === "lost");
    document.querySelectorAll("[data-started]").forEach(function (place) {
      var words = since(Number(place.dataset.started));
      if (place.textContent !== words) place.textContent = words;
    });
  }, 1000);

  function named(call) { return call.task || call.worker || call.project || "no task"; }

  function short(model) { return model.replace(/^claude-/, "").replace(/-\d{8}$/, "") || "unknown model"; }

  function inCard(call) {
    return element("Li", { children: [span(named(call), "task"), span(short(call.model), "model"), took(call)] });
  }

  function inList(call) {
    var facts = [["Worker", call.worker], ["Model", call.model], ["Project", call.project], ["Prompt", call.file],
      ["Since", call.since]].filter(function (fact) { return fact[1]; });
    var items = [];
    facts.forEach(function (fact) {
      items.push(element("Dt", { children: fact[0] }), element("Dd", { children: fact[1] }));
    });
    return element("Section", { key: call.id, children: [
      element("H3", { children: [span(named(call), "task")].concat(call.alive ? took(call) : []) }),
      element("Dl", { children: items })
    ] });
  }

  function plural(n, one, many) { return n.toLocaleString("en") + " " + (n === 1 ? one : many); }

  function left(n) {
    return n === 1
      ? "1 call was left by a program that ended; it is written as failed when the next logger starts."
      : plural(n, "", "calls were left by programs that ended; they are written as failed when the next logger starts.");
  }

  // What runs, what passes the filters of it, and what programs that ended left behind.
  function flight(told, search) {
    var some = passing(told.calls, search);
    return {
      all: told.calls.filter(function (call) { return call.alive; }).length + told.more,
      alive: some.filter(function (call) { return call.alive; }),
      dead: some.filter(function (call) { return !call.alive; }),
      more: told.more
    };
  }

  function runningCard(now) {
    var count = now.alive.length + (now.alive.length === now.all - now.more ? now.more : 0);
    var foot = [];
    if (count > 3) foot.push("and " + plural(count - 3, "more", "more"));
    if (now.dead.length) foot.push(now.dead.length.toLocaleString("en") + " left by a program that ended");
    var said = now.all ? "none of " + now.all.toLocaleString("en") + " passes the filters" : "nothing running";
    return [
      element("Div", { children: count.toLocaleString("en"), className: count ? "big" : "big none" }),
      element("Div", { className: "now", children: [
        count ? element("Ul", { children: now.alive.slice(0, 3).map(inCard) }) : element("P", { children: said, className: "quiet" }),
        element("P", { children: foot.join(" · "), className: "quiet" })
      ] })
    ];
  }

  function runningList(now) {
    var parts = now.alive.map(inList);
    if (!parts.length) parts.push(element("P", { children: now.all ? "None of the calls in flight passes the filters." : "Nothing is running." }));
    if (now.more) parts.push(element("P", { children: "And " + plural(now.more, "more call.", "more calls."), className: "quiet" }));
    if (now.dead.length)
      parts.push(element("P", { children: left(now.dead.length), className: "left" }), element("Div", { children: now.dead.map(inList), className: "dead" }));
    return parts;
  }

  window.dash_clientside.callmeter = {
    // Which calls run is told by the server; which of them pass the filters is worked out here.
    running: function (told, search, opened) {
      var none = window.dash_clientside.no_update;
      if (!told) return ["card running off", none, none];
      var now = flight(told, search);
      return ["card running", runningCard(now), opened ? runningList(now) : none];
    },

    open: function () { return true; },

    status: function (_beat, told, answer) {
      hear(told, answer);
      var text = words();
      return [
        [
          element("Span", { className: "dot" }),
          element("Span", { className: "words", children: text, title: text })
        ],
        "status " + liveness()[0]
      ];
    },

    body: function (told, answer, drawn, search, flying, money, speed, bill) {
      hear(told, answer);
      var pulse = seen;
      var view = new URLSearchParams(search || "").get("view") || "overview";
      if (["overview", "calls", "money", "bill", "health"].indexOf(view) < 0) view = "overview";
      var names = ["view-" + view];
      var shown = { money: money, health: speed, bill: bill }[view] || drawn;
      if (!pulse) names.push("waiting");
      else if (!pulse.lines && !pulse.bad && pulse.loaded >= pulse.days && !(flying && flying.calls.length)) names.push("empty");
      else if (!shown || !Object.keys(shown).length) names.push("waiting");
      return names.join(" ");
    },

    // Dash's graph forgets the reader's zoom when a new figure comes, whatever Plotly's uirevision says:
    // so the zoom and the hidden traces of the same view are put on the new figure here.
    figure: function (fresh) {
      if (!fresh) return window.dash_clientside.no_update;
      var id = window.dash_clientside.callback_context.outputs_list.id;
      var plot = document.querySelector("#" + id + " .js-plotly-plot");
      return plot && plot._fullLayout && plot._fullLayout.uirevision === fresh.layout.uirevision
        ? keep(plot, fresh) : fresh;
    },

    // A new line refreshes the rows in place; another view starts the table afresh.
    grid: function (tick, search, before) {
      var view = new URLSearchParams(search || "");
      if (view.get("view") !== "calls") return window.dash_clientside.no_update;
      view.delete("call");
      var now = { tick: tick, view: view.toString() };
      window.dash_ag_grid.getApiAsync("grid").then(function (api) {
        if (!before || before.view !== now.view) api.purgeInfiniteCache();
        else if (before.tick !== now.tick) api.refreshInfiniteCache();
      });
      return now;
    }
  };
})();
