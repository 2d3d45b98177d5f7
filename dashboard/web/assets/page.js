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

  window.dash_clientside.callmeter = {
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

    body: function (told, answer, drawn, search) {
      hear(told, answer);
      var pulse = seen;
      var view = new URLSearchParams(search || "").get("view") || "overview";
      if (["overview", "calls", "health"].indexOf(view) < 0) view = "overview";
      var names = ["view-" + view];
      if (!pulse) names.push("waiting");
      else if (!pulse.lines && !pulse.bad && pulse.loaded >= pulse.days) names.push("empty");
      else if (!drawn || !Object.keys(drawn).length) names.push("waiting");
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
