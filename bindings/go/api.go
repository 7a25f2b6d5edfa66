// This file is the short forms: each is a few lines over the general request.

package oaic

import (
	"context"
	"net/http"
	"net/url"
)

// Do sends any request and waits for its answer.
func (c *Client) Do(ctx context.Context, request *Request) (*Response, error) {
	var answer *Response
	var failed error
	err := c.run(ctx, request, func(response uintptr) {
		if failed = ended(ctx, response); failed == nil {
			answer = copyResponse(response)
		}
	})
	if err != nil {
		return nil, err
	}
	return answer, failed
}

// Embed turns texts into vectors: one row for each, in their order.
func (c *Client) Embed(ctx context.Context, model string, texts []string, options ...RequestOption) (*Embeddings, error) {
	request, err := embedRequest(model, texts, options)
	if err != nil {
		return nil, err
	}
	var vectors *Embeddings
	var failed error
	err = c.run(ctx, request, func(response uintptr) {
		if failed = ended(ctx, response); failed == nil {
			vectors, failed = copyEmbeddings(response)
		}
	})
	if err != nil {
		return nil, err
	}
	return vectors, failed
}

func embedRequest(model string, texts []string, options []RequestOption) (*Request, error) {
	if len(texts) == 0 {
		return nil, &Error{Status: InvalidArgument, Message: "there is nothing to embed: give at least one text"}
	}
	return (&Request{Method: http.MethodPost, Path: "/embeddings", model: model, inputs: texts}).with(options), nil
}

// Chat asks for a chat completion (POST /chat/completions). The body is JSON as a string or []byte, sent to the letter,
// or anything that marshals to it.
func (c *Client) Chat(ctx context.Context, body any, options ...RequestOption) (*Response, error) {
	return c.post(ctx, "/chat/completions", body, options)
}

// Responses asks for a response (POST /responses).
func (c *Client) Responses(ctx context.Context, body any, options ...RequestOption) (*Response, error) {
	return c.post(ctx, "/responses", body, options)
}

// Completions asks for a text completion (POST /completions).
func (c *Client) Completions(ctx context.Context, body any, options ...RequestOption) (*Response, error) {
	return c.post(ctx, "/completions", body, options)
}

// Moderate asks whether a text is harmful (POST /moderations).
func (c *Client) Moderate(ctx context.Context, body any, options ...RequestOption) (*Response, error) {
	return c.post(ctx, "/moderations", body, options)
}

// Models lists the models (GET /models).
func (c *Client) Models(ctx context.Context, options ...RequestOption) (*Response, error) {
	return c.Do(ctx, (&Request{Method: http.MethodGet, Path: "/models"}).with(options))
}

// Image makes pictures (POST /images/generations).
func (c *Client) Image(ctx context.Context, body any, options ...RequestOption) (*Response, error) {
	return c.post(ctx, "/images/generations", body, options)
}

// ImageEdit changes a picture as the words in body say (POST /images/edits).
func (c *Client) ImageEdit(ctx context.Context, picture File, body any, options ...RequestOption) (*Response, error) {
	return c.postFile(ctx, "/images/edits", "image", picture, body, options)
}

// Speech speaks a text (POST /audio/speech); the answer's body is the sound.
func (c *Client) Speech(ctx context.Context, body any, options ...RequestOption) (*Response, error) {
	return c.post(ctx, "/audio/speech", body, options)
}

// Transcribe writes down what is said in a sound file (POST /audio/transcriptions).
func (c *Client) Transcribe(ctx context.Context, sound File, body any, options ...RequestOption) (*Response, error) {
	return c.postFile(ctx, "/audio/transcriptions", "file", sound, body, options)
}

// Translate writes down in English what is said in a sound file (POST /audio/translations).
func (c *Client) Translate(ctx context.Context, sound File, body any, options ...RequestOption) (*Response, error) {
	return c.postFile(ctx, "/audio/translations", "file", sound, body, options)
}

// Upload uploads a file (POST /files) for a purpose such as "batch".
func (c *Client) Upload(ctx context.Context, file File, purpose string, options ...RequestOption) (*Response, error) {
	return c.postFile(ctx, "/files", "file", file, map[string]string{"purpose": purpose}, options)
}

// Download gives the content of a file (GET /files/{id}/content) as the answer's body.
func (c *Client) Download(ctx context.Context, id string, options ...RequestOption) (*Response, error) {
	return c.Do(ctx, (&Request{Method: http.MethodGet, Path: "/files/" + url.PathEscape(id) + "/content"}).with(options))
}

// DownloadTo writes the content of a file to path as it comes. The file has its name only once it is whole.
func (c *Client) DownloadTo(ctx context.Context, id, path string, options ...RequestOption) (*Response, error) {
	request := &Request{Method: http.MethodGet, Path: "/files/" + url.PathEscape(id) + "/content", OutputPath: path}
	return c.Do(ctx, request.with(options))
}

func (c *Client) post(ctx context.Context, path string, body any, options []RequestOption) (*Response, error) {
	return c.Do(ctx, postOf(path, body).with(options))
}

func (c *Client) postFile(ctx context.Context, path, field string, file File, body any, options []RequestOption) (*Response, error) {
	file.Field = field
	request := postOf(path, body)
	request.Files = []File{file}
	return c.Do(ctx, request.with(options))
}

func postOf(path string, body any) *Request {
	return &Request{Method: http.MethodPost, Path: path, JSON: body}
}
