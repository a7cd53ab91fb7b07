import { afterEach, describe, expect, it, vi } from 'vitest';
import { listenForInterruption } from '../src/node';

afterEach(() => {
  vi.restoreAllMocks();
  vi.unstubAllEnvs();
});

describe('listenForInterruption', () => {
  it.each([
    ['SIGINT', 130],
    ['SIGTERM', 143],
    ['SIGHUP', 129],
    ['SIGUSR2', 0],
  ] as const)('asks once to stop at %s, with its exit code', (name, code) => {
    const onFirst = vi.fn();
    const interruption = listenForInterruption(onFirst);
    expect([interruption.signal.aborted, interruption.exitCode]).toEqual([false, undefined]);
    process.emit(name, name);
    expect([interruption.signal.aborted, interruption.exitCode]).toEqual([true, code]);
    expect(onFirst).toHaveBeenCalledOnce();
    interruption.end();
  });

  it('ends the process at a second signal', () => {
    const exit = vi.spyOn(process, 'exit').mockImplementation((() => {}) as never);
    const interruption = listenForInterruption(() => {});
    process.emit('SIGINT', 'SIGINT');
    expect(exit).not.toHaveBeenCalled();
    process.emit('SIGTERM', 'SIGTERM');
    expect(exit).toHaveBeenCalledWith(143);
    interruption.end();
  });

  it('hears the launcher after a listener inside it has ended', () => {
    vi.stubEnv('VGG_LAUNCHED', '1');
    const outer = listenForInterruption(() => {});
    listenForInterruption(() => {}).end();
    expect(process.stdin.isPaused()).toBe(false);
    process.stdin.emit('data', 'stop');
    expect(outer.signal.aborted).toBe(true);
    outer.end();
    expect(process.stdin.isPaused()).toBe(true);
  });

  it('leaves no listener', () => {
    const before = process.listenerCount('SIGINT');
    listenForInterruption(() => {}).end();
    expect(process.listenerCount('SIGINT')).toBe(before);
  });
});
