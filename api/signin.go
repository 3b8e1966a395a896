package api

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"golang.org/x/oauth2"
)

// signInTimeout bounds one call of the token endpoint, which hashes a password.
const signInTimeout = 10 * time.Second

// token is the token endpoint's answer (RFC 6749 §5.1).
type token struct {
	AccessToken  string `json:"access_token"`
	TokenType    string `json:"token_type"`
	ExpiresIn    int64  `json:"expires_in,omitempty" doc:"Seconds"`
	RefreshToken string `json:"refresh_token,omitempty"`
	Scope        string `json:"scope,omitempty"`
}

// signIns gets tokens for new users by the password grant.
type signIns struct {
	proof  proof
	oauth  oauth2.Config
	client http.Client
}

// newSignIns returns nil if cfg names no client for it.
func newSignIns(cfg Config) *signIns {
	if cfg.SignInClientID == "" {
		return nil
	}
	return &signIns{oauth: oauth2.Config{
		ClientID:     cfg.SignInClientID,
		ClientSecret: cfg.SignInClientSecret,
		Endpoint: oauth2.Endpoint{
			TokenURL:  cfg.Issuer + "/oauth2/token",
			AuthStyle: oauth2.AuthStyleInHeader, // client_secret_basic; else a refusal would be tried twice
		},
	}, client: newOutgoing(cfg)}
}

// signIn signs a new user in, as from address. It returns either a token or a
// problem.
func (i *signIns) signIn(ctx context.Context, email, password, address string) (*token, *problem) {
	ctx, cancel := context.WithTimeout(ctx, signInTimeout)
	defer cancel()
	client := i.client
	client.Transport = forwarding{i.client.Transport, address, i.proof}
	t, err := i.oauth.PasswordCredentialsToken(context.WithValue(ctx, oauth2.HTTPClient, &client), email, password)
	if err != nil {
		return nil, signInProblem(err)
	}
	scope, _ := t.Extra("scope").(string)
	return &token{t.AccessToken, t.TokenType, t.ExpiresIn, t.RefreshToken, scope}, nil
}

// signInProblem says whose fault it is: the authorization server's or its way
// to us (503), a limit's (429), or of how the two are configured (502).
func signInProblem(err error) *problem {
	var refused *oauth2.RetrieveError
	if !errors.As(err, &refused) {
		p := unavailable(retryOutages, fmt.Errorf("sign in: %w", err))
		p.Detail = "The account was made, but the authorization server can't be reached. Sign in later."
		return p
	}
	// The error's own text may quote the whole answer.
	status := refused.Response.StatusCode
	cause := fmt.Errorf("sign in: the token endpoint answers %d %.50q", status, refused.ErrorCode)
	p := newProblem(http.StatusBadGateway, "sign_in_refused",
		"The account was made, but the authorization server refused the sign-in.")
	switch {
	case status == http.StatusTooManyRequests:
		p = newProblem(status, "too_many_requests", "The account was made, but there were too many sign-ins. Sign in later.")
	case status >= 500:
		p = newProblem(http.StatusServiceUnavailable, "temporarily_unavailable",
			"The account was made, but the authorization server is busy or down. Sign in later.")
	}
	p.cause = cause
	return p
}
