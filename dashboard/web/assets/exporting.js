// The links of the export menu: the page's own address, in each format.
window.dash_clientside = window.dash_clientside || {};
window.dash_clientside.exporting = {
  links: function (search) {
    var state = (search || "").replace(/^\?/, "");
    var view = new URLSearchParams(state).get("view");
    var links = ["csv", "xlsx", "parquet", "jsonl"].map(function (format) {
      return "/export?format=" + format + (state ? "&" + state : "");
    });
    var said = view === "calls" ? "These calls, oldest first"
      : view === "bill" ? "Anthropic's bill of these days"
      : "Each day by model and project";
    return links.concat([said]);
  },
};
