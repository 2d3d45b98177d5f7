// The links of the export menu: the page's own address, in each format, and the order of the calls.
window.dash_clientside = window.dash_clientside || {};
window.dash_clientside.exporting = {
  links: function (search, request) {
    var state = (search || "").replace(/^\?/, "");
    var view = new URLSearchParams(state).get("view");
    var model = view === "calls" && request && request.sortModel && request.sortModel[0];
    var sorted = model && model.colId !== "time";
    var order = sorted ? "&sort=" + encodeURIComponent(model.colId) + "&order=" + model.sort : "";
    var links = ["csv", "xlsx", "parquet", "jsonl"].map(function (format) {
      return "/export?format=" + format + order + (state ? "&" + state : "");
    });
    var said = view === "calls" ? (sorted ? "These calls, in the order of the table" : "These calls, oldest first")
      : view === "bill" ? "Anthropic's bill of these days"
      : "Each day by model and project";
    return links.concat([said]);
  },
};
