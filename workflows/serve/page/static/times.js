// Times come in UTC; here they are written in the reader's zone, which is named beside them.

const clock = new Intl.DateTimeFormat("sv-SE", { dateStyle: "short", timeStyle: "short" });
const zones = new Intl.DateTimeFormat(undefined, { timeZoneName: "short" });

for (const time of document.querySelectorAll("time[datetime]")) {
  const moment = new Date(time.dateTime);
  // In summer it has another name than in winter.
  const zone = zones.formatToParts(moment).find((one) => one.type === "timeZoneName").value;
  time.title = time.textContent;
  time.textContent = `${clock.format(moment)} ${zone}`;
}
