package authz

import (
	"strings"
	"time"

	"gatehouse/authz/pages"
	"gatehouse/store"
)

// noticeLife is how long it is of use to tell somebody of a change.
const noticeLife = 3 * 24 * time.Hour

// worded is a mail in words. To nobody it has a row too: see mail.
func (s *Server) worded(to string, m pages.Mail, life time.Duration) (*store.Mail, error) {
	subject, text, html := s.pages.Mail(m)
	return s.mail(Message{To: to, Subject: subject, Text: text, HTML: html}, life)
}

// notice tells the owner of an account of a change; nil for one without a login
// address.
func (s *Server) notice(a *store.Account, m pages.Mail) (*store.Mail, error) {
	if a.EmailKey == nil {
		return nil, nil
	}
	return s.worded(a.Email, m, noticeLife)
}

// linkedNotice tells that somebody at a provider signs in to the account from
// now on.
func (s *Server) linkedNotice(a *store.Account, provider string) (*store.Mail, error) {
	return s.notice(a, pages.LinkedMail{Name: a.FirstName, Provider: providerLabel(provider), Link: s.page("/forgot")})
}

// verdictNotice tells the holder of an address what somebody's first sign-in
// does to the account; nil if that is nothing.
func (s *Server) verdictNotice(v verdict, holder *store.Holder, provider string) (*store.Mail, error) {
	switch v {
	case join:
		return s.linkedNotice(&holder.Account, provider)
	case claim:
		return s.notice(&holder.Account, pages.ClaimedMail{Name: holder.FirstName, Provider: providerLabel(provider), Link: s.page("/forgot")})
	}
	return nil, nil
}

// page is the address of a page of ours for a mail: of the configured issuer,
// whatever host the request named.
func (s *Server) page(path string) string { return s.cfg.Issuer + path }

// providerLabel is a configured name as it stands in a sentence.
func providerLabel(name string) string { return strings.ToUpper(name[:1]) + name[1:] }
