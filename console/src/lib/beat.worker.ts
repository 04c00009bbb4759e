// The console's second. A browser slows the timers of a tab that is hidden, at last
// to one a minute; those of a worker it does not.
setInterval(() => postMessage(0), 1000)
