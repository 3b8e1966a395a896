package main

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/input"
	cdplog "github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/cdproto/target"
	"github.com/chromedp/chromedp"
)

const patience = 30 * time.Second // for one step, on a busy machine

// tab is one page of Debian's Chromium.
type tab struct {
	t       *testing.T
	ctx     context.Context
	origins []string // whom it may ask

	mu     sync.Mutex
	faults []string // exceptions, dialogs, what the console complains of, what a page lacks, and requests to anybody else
}

// newBrowser starts a Chromium that has never been used and talks to nobody.
func newBrowser(t *testing.T) context.Context {
	t.Helper()
	options := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.NoSandbox, chromedp.DisableGPU, chromedp.UserDataDir(t.TempDir()),
		chromedp.Flag("disable-quic", true), chromedp.Flag("disable-component-update", true), chromedp.Flag("lang", "en-US"))
	allocator, cancel := chromedp.NewExecAllocator(context.Background(), options...)
	t.Cleanup(cancel)
	ctx, _ := chromedp.NewContext(allocator)
	if err := chromedp.Do(ctx); err != nil {
		t.Fatalf("start Chromium: %v: run `make test`, which installs it", err)
	}
	t.Cleanup(func() { // before its folder goes
		if err := chromedp.Cancel(ctx); err != nil {
			t.Logf("stop Chromium: %v", err)
		}
	})
	return ctx
}

// openTab makes a tab that may ask these origins, and hears what hear is told
// besides. options may give it cookies of its own, or take a tab that is there.
func openTab(t *testing.T, browser context.Context, origins []string, hear func(event any), options ...chromedp.ContextOption) *tab {
	t.Helper()
	b := &tab{t: t, origins: origins}
	options = append(options, chromedp.WithListener(b.hear))
	if hear != nil {
		options = append(options, chromedp.WithListener(hear))
	}
	ctx, cancel := chromedp.NewContext(browser, options...)
	b.ctx = ctx
	t.Cleanup(cancel)
	if err := chromedp.Do(ctx); err != nil { // the tab lives as long as the context of its first step
		t.Fatal(err)
	}
	b.do(chromedp.EmulateViewport(1280, 900))
	tellTab(b, network.Enable, network.EnableParams{})
	tellTab(b, cdplog.Enable, cdp.Empty{})
	return b
}

// hear notes what the browser says about the page.
func (b *tab) hear(event any) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch e := event.(type) {
	case *runtime.EventExceptionThrown:
		b.faults = append(b.faults, "exception: "+(&chromedp.ExceptionError{ExceptionDetails: e.ExceptionDetails}).Error())
	case *page.EventJavascriptDialogOpening:
		b.faults = append(b.faults, "alert: "+e.Message)
		go chromedp.Call(b.ctx, page.HandleJavaScriptDialog, page.HandleJavaScriptDialogParams{Accept: true})
	case *network.EventRequestWillBeSent:
		if u, err := url.Parse(e.Request.URL); err == nil && u.Scheme != "data" && !slices.Contains(b.origins, u.Scheme+"://"+u.Host) {
			b.faults = append(b.faults, "it asked for "+e.Request.URL)
		}
	case *network.EventResponseReceived:
		if e.Response.Status >= 400 && (e.Type == network.ResourceTypeStylesheet || e.Type == network.ResourceTypeScript || e.Type == network.ResourceTypeImage) {
			b.faults = append(b.faults, fmt.Sprintf("%s: %d", e.Response.URL, e.Response.Status))
		}
	case *network.EventLoadingFailed:
		if e.BlockedReason != "" {
			b.faults = append(b.faults, fmt.Sprintf("a %s was blocked: %s", e.Type, e.BlockedReason))
		}
	case *cdplog.EventEntryAdded: // what of the policy does not hold, among others; a status is no fault
		if e.Entry.Source != cdplog.EntrySourceNetwork {
			b.faults = append(b.faults, fmt.Sprintf("%s: %s %s", e.Entry.Source, e.Entry.Text, e.Entry.URL))
		}
	case *runtime.EventConsoleAPICalled:
		if e.Type == runtime.ConsoleAPICalledTypeError || e.Type == runtime.ConsoleAPICalledTypeWarning || e.Type == runtime.ConsoleAPICalledTypeAssert {
			b.faults = append(b.faults, fmt.Sprintf("console.%s", e.Type))
		}
	}
}

// sound fails the test if something went wrong in the page.
func (b *tab) sound() {
	b.t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, fault := range b.faults {
		b.t.Errorf("in the page: %s", fault)
	}
	b.faults = nil
}

func (b *tab) do(steps ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	if err := chromedp.Do(ctx, steps...); err != nil {
		b.t.Fatal(err)
	}
}

// tellTab gives the browser a command that chromedp has no step for.
func tellTab[P, R any](b *tab, command cdp.Command[P, R], params P) R {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	answer, err := chromedp.Call(ctx, command, params)
	if err != nil {
		b.t.Fatal(err)
	}
	return answer
}

// askTab evaluates an expression, and waits for it if it is a promise. While the
// page is about to change it may fail.
func askTab[T any](b *tab, expression string) (T, error) {
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	return chromedp.Run(ctx, chromedp.Evaluate[T](expression, chromedp.EvalAwaitPromise))
}

// until waits for an expression to become true, also across pages.
func (b *tab) until(expression string) {
	b.t.Helper()
	for end := time.Now().Add(patience); ; time.Sleep(20 * time.Millisecond) {
		ok, err := askTab[bool](b, "Boolean("+expression+")")
		if err == nil && ok {
			return
		}
		if time.Now().After(end) {
			text, _ := askTab[string](b, `location.pathname + "\n" + document.body.innerText`)
			b.t.Fatalf("never true: %s (%v)\nthe page: %s", expression, err, text)
		}
	}
}

// at waits for the page with the heading, and for texts in it.
func (b *tab) at(heading string, texts ...string) {
	b.t.Helper()
	b.until(fmt.Sprintf("document.querySelector('h1')?.innerText === %q", heading))
	b.sees(texts...)
}

func (b *tab) sees(texts ...string) {
	b.t.Helper()
	for _, text := range texts {
		b.until(fmt.Sprintf("document.body.innerText.includes(%q)", text))
	}
}

// fill types into the field with the label, in the dialog if one is open.
func (b *tab) fill(label, text string) {
	b.t.Helper()
	field := fmt.Sprintf(`[...(document.querySelector("dialog[open]") ?? document).querySelectorAll("label")]`+
		`.find((l) => l.innerText === %q && l.checkVisibility())?.control`, label)
	b.until("(" + field + ".focus(), " + field + ".select(), document.activeElement === " + field + ")")
	tellTab(b, input.InsertText, input.InsertTextParams{Text: text})
}

// press clicks the button or link with the text: in the dialog if one is open,
// or else in the page rather than in the bar.
func (b *tab) press(text string) {
	b.t.Helper()
	b.until(fmt.Sprintf(`(() => {
		const within = document.querySelector("dialog[open]") ?? document
		const found = [...within.querySelectorAll("button, a")].filter((e) => e.innerText.trim() === %q && e.checkVisibility())
		const one = found.find((e) => e.tagName === "BUTTON") ?? found[0]
		one?.click()
		return one
	})()`, text))
}

// popUp waits for the window that the tab opens while do runs.
func (b *tab) popUp(do func()) *tab {
	b.t.Helper()
	opened := chromedp.WaitNewTarget(b.ctx, func(i *target.Info) bool { return i.Type == "page" })
	do()
	select {
	case id := <-opened:
		return openTab(b.t, b.ctx, b.origins, nil, chromedp.WithTargetID(id))
	case <-time.After(patience):
		b.t.Fatal("no window was opened")
		return nil
	}
}

// shot leaves a picture in the folder that an environment variable names.
func (b *tab) shot(variable, name string) {
	b.t.Helper()
	dir := os.Getenv(variable)
	if dir == "" {
		return
	}
	picture, err := chromedp.Run(b.ctx, chromedp.FullScreenshot(100))
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, name+".png"), picture, 0o644)
	}
	if err != nil {
		b.t.Error(err)
	}
}
