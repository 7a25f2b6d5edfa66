// This file is what the behaviour suite calls a pattern: how an outcome is compared with what is expected.

package oaic_test

import (
	"fmt"
	"math"
	"reflect"
	"strings"
)

// matches tells what of a value a pattern does not match; empty if it matches.
func matches(pattern, value any, at string) string {
	differs := func() string { return fmt.Sprintf("%s is %v, not %v", at, value, pattern) }
	switch pattern := pattern.(type) {
	case map[string]any:
		for operator, argument := range pattern {
			if len(pattern) == 1 && strings.HasPrefix(operator, "$") {
				return operates(operator, argument, value, at)
			}
		}
		object, ok := value.(map[string]any)
		if !ok {
			return differs()
		}
		for key, inner := range pattern {
			if difference := matches(inner, object[key], at+"."+key); difference != "" {
				return difference
			}
		}
		return ""
	case []any:
		array, ok := value.([]any)
		if !ok || len(array) != len(pattern) {
			return differs()
		}
		for i, inner := range pattern {
			if difference := matches(inner, array[i], fmt.Sprintf("%s[%d]", at, i)); difference != "" {
				return difference
			}
		}
		return ""
	}
	if !reflect.DeepEqual(pattern, value) {
		return differs()
	}
	return ""
}

func operates(operator string, argument, value any, at string) string {
	number, isNumber := value.(float64)
	array, isArray := value.([]any)
	holds := false
	switch operator {
	case "$contains":
		text, isText := value.(string)
		parts, several := argument.([]any)
		if !several {
			parts = []any{argument}
		}
		holds = isText
		for _, part := range parts {
			holds = holds && strings.Contains(text, part.(string))
		}
	case "$at_least":
		holds = isNumber && number >= argument.(float64)
	case "$at_most":
		holds = isNumber && number <= argument.(float64)
	case "$near":
		holds = isNumber && math.Abs(number-argument.(float64)) <= 0.00001
	case "$length":
		holds = isArray && float64(len(array)) == argument.(float64)
	case "$some":
		for _, element := range array {
			holds = holds || matches(argument, element, at) == ""
		}
	case "$present":
		holds = value != nil
	case "$not":
		holds = matches(argument, value, at) != ""
	default:
		return "there is no operator " + operator
	}
	if !holds {
		return fmt.Sprintf("%s is %v, not {%s: %v}", at, value, operator, argument)
	}
	return ""
}
