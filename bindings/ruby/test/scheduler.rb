# This file is a Fiber scheduler, as small as the tests need one: fibers that wait for descriptors, for a time, or for
# each other. It is for tests; programs have the gem async.

class Scheduler
  def initialize
    @readable = {}
    @writable = {}
    @waking = {}
    @blocked = {}
    @ready = Thread::Queue.new
    # Other threads, too, unblock fibers.
    @bell, @ring = IO.pipe
  end

  # What the fibers of a block give, each run by itself in the end.
  def self.run
    Thread.new do
      Fiber.set_scheduler(new)
      yield
    end.join
  end

  # ===== what Ruby calls =====

  def fiber(&block) = Fiber.new(blocking: false, &block).tap(&:resume)

  def io_wait(io, events, timeout)
    @readable[io] = Fiber.current if events.anybits?(IO::READABLE)
    @writable[io] = Fiber.current if events.anybits?(IO::WRITABLE)
    wake_in(timeout)
    Fiber.yield
    events
  ensure
    [@readable, @writable].each { |waiting| waiting.delete(io) }
    @waking.delete(Fiber.current)
  end

  def kernel_sleep(seconds = nil)
    wake_in(seconds)
    Fiber.yield
  ensure
    @waking.delete(Fiber.current)
  end

  def block(_blocker, timeout = nil)
    wake_in(timeout)
    @blocked[Fiber.current] = true
    Fiber.yield
  ensure
    @blocked.delete(Fiber.current)
    @waking.delete(Fiber.current)
  end

  def unblock(_blocker, fiber)
    @ready << fiber
    @ring.write_nonblock(".")
  end

  # Runs until no fiber waits any more.
  def close
    until [@readable, @writable, @waking, @blocked].all?(&:empty?)
      turn
    end
    [@bell, @ring].each(&:close)
  end

  private

  def now = Process.clock_gettime(Process::CLOCK_MONOTONIC)

  def wake_in(seconds)
    @waking[Fiber.current] = now + seconds if seconds
  end

  def turn
    rest = @waking.values.min&.-(now)
    readable, writable, = IO.select([@bell, *@readable.keys], @writable.keys, [], rest&.clamp(0, nil))
    @bell.read_nonblock(100) if readable&.delete(@bell)
    due = @waking.select { |_, time| time <= now }.keys
    due += Array(readable).map { |io| @readable[io] } + Array(writable).map { |io| @writable[io] }
    due << @ready.pop until @ready.empty?
    due.uniq.each { |fiber| fiber.resume if fiber&.alive? }
  end
end
