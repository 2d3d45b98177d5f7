// The banner over every view: the worst open alert that was not put away in this browser.
window.dash_clientside = window.dash_clientside || {};
(function () {
  var KEY = "callmeter-put-away", MOST = 200;
  var signs = { critical: "!", warning: "!", info: "i" };
  var shown = null; // the id of the alert that is being shown
  var aloud = null; // the id of the one that was read out last
  var fallback = []; // where the browser keeps nothing

  function away() {
    try { return JSON.parse(window.localStorage.getItem(KEY)) || []; } catch (e) { return fallback; }
  }

  function putAway(id) {
    fallback = away().filter(function (one) { return one !== id; }).concat([id]).slice(-MOST);
    try { window.localStorage.setItem(KEY, JSON.stringify(fallback)); } catch (e) { /* storage is off */ }
  }

  function element(type, props) {
    return { namespace: "dash_html_components", type: type, props: props };
  }

  function href(search) {
    var asked = new URLSearchParams(search || "");
    asked.delete("call");
    asked.set("view", "money");
    return "?" + asked.toString();
  }

  function line(alert, more) {
    return [
      element("Span", { className: "mark " + alert.severity, children: [
        element("Span", { className: "shape", children: signs[alert.severity] || "!", "aria-hidden": "true" }), alert.severity
      ] }),
      element("Span", { className: "banner-words", children: alert.sentence, title: alert.sentence }),
      element("Span", { className: "banner-more", children: more ? "and " + more + " more" : "" })
    ];
  }

  // Read out once: the numbers of an alert may change later, which is no news.
  function say(alert) {
    if (aloud === alert.id) return window.dash_clientside.no_update;
    aloud = alert.id;
    return alert.severity + ": " + alert.sentence;
  }

  window.dash_clientside.alerts = {
    banner: function (told, _clicks, search) {
      var none = window.dash_clientside.no_update;
      var by = window.dash_clientside.callback_context.triggered.map(function (one) { return one.prop_id; });
      if (shown && by.indexOf("banner-close.n_clicks") >= 0) putAway(shown);
      var hidden = away();
      var open = (told || []).filter(function (alert) { return hidden.indexOf(alert.id) < 0; });
      shown = open.length ? open[0].id : null;
      if (!shown) { aloud = null; return ["banner", none, none, ""]; } // its words stay while it folds away
      return ["banner shown " + open[0].severity, line(open[0], open.length - 1), href(search), say(open[0])];
    }
  };
})();
