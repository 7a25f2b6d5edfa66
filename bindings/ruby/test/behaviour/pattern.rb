# This file compares outcomes with the patterns of the behaviour suite, as tests/behaviour/README.md says.

module Behaviour
  # Whether and how values differ from patterns.
  module Pattern
    # What differs; nil if the value matches.
    def self.differs(pattern, value, where)
      case pattern
      when Hash then object(pattern, value, where)
      when Array
        return no(pattern, value, where) unless value.is_a?(Array) && value.size == pattern.size

        first(pattern.each_with_index) { |one, i| differs(one, value[i], "#{where}[#{i}]") }
      else
        no(pattern, value, where) unless pattern == value
      end
    end

    def self.object(pattern, value, where)
      if pattern.size == 1 && pattern.keys[0].start_with?("$")
        return operator(*pattern.first, value) ? nil : no(pattern, value, where)
      end
      return no(pattern, value, where) unless value.is_a?(Hash)

      first(pattern) { |key, one| differs(one, value[key], "#{where}.#{key}") }
    end

    def self.operator(name, wanted, value)
      number = value.is_a?(Numeric)
      case name
      when "$contains" then value.is_a?(String) && Array(wanted).all? { |text| value.include?(text) }
      when "$at_least" then number && value >= wanted
      when "$at_most" then number && value <= wanted
      when "$length" then value.is_a?(Array) && value.size == wanted
      when "$some" then value.is_a?(Array) && value.any? { |one| differs(wanted, one, "").nil? }
      when "$present" then wanted == true && !value.nil?
      when "$not" then !differs(wanted, value, "").nil?
      when "$near" then number && (value - wanted).abs <= 0.00001
      else raise ArgumentError, "there is no operator #{name}"
      end
    end

    def self.first(pairs)
      pairs.each do |one, other|
        found = yield one, other
        return found if found
      end
      nil
    end

    def self.no(pattern, value, where) = "#{where} is #{value.inspect}, not #{pattern.inspect}"
    private_class_method :object, :operator, :first, :no
  end
end
