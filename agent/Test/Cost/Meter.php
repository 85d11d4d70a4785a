<?php

declare(strict_types=1);

namespace MagentoEventBridge\Agent\Test\Cost;

/**
 * Accounts the CPU time that the agent takes of a request, by observer and plugin, without what it calls of the shop.
 *
 * It counts the thread's CPU clock, so that waiting and other processes do not matter. The extension FFI reads it.
 */
class Meter
{
    private const THREAD_CPU_CLOCK = 3;
    private const CALIBRATIONS = 20;

    private static $clock;
    private static $reading;
    private static $nanoseconds = [];
    private static $calls = [];
    private static $labels = [];
    private static $since = 0;
    private static $overhead = 0;
    private static $started = 0;

    /**
     * Starts to account, and appends a line of JSON to a file at the end of the request.
     */
    public static function start(string $file): void
    {
        self::$clock = \FFI::cdef('typedef struct {long s; long n;} timespec; int clock_gettime(int, timespec *);');
        self::$reading = self::$clock->new('timespec');
        for ($i = 0; $i < self::CALIBRATIONS; $i++) {
            self::enter('calibration');
            self::leave();
        }
        self::$overhead = self::$nanoseconds['calibration'] / self::CALIBRATIONS;
        self::$nanoseconds = self::$calls = [];
        self::$started = self::now();
        register_shutdown_function(function () use ($file): void {
            file_put_contents($file, json_encode(self::result()) . "\n", FILE_APPEND | LOCK_EX);
        });
    }

    /**
     * Accounts what follows to a label; null: to nothing.
     */
    public static function enter(?string $label): void
    {
        if (self::$clock !== null) {
            self::account(self::now());
            // The shop's code has taken the caches of the processor: what the meter itself runs is brought back first.
            self::$labels[] = null;
            self::leave();
            self::$labels[] = $label;
            self::$calls[(string)$label] = (self::$calls[(string)$label] ?? 0) + 1;
            self::$since = self::now();
        }
    }

    /**
     * Ends what enter() has begun.
     */
    public static function leave(): void
    {
        if (self::$clock !== null) {
            self::account(self::now());
            array_pop(self::$labels);
            self::$since = self::now();
        }
    }

    /**
     * Returns the label of an object or a class of the agent; null for any other.
     */
    public static function labelOf(string $class, string $label): ?string
    {
        return strpos($class, 'MagentoEventBridge\\Agent\\') === 0 ? $label : null;
    }

    private static function account(int $now): void
    {
        $label = end(self::$labels);
        if ($label) {
            self::$nanoseconds[$label] = (self::$nanoseconds[$label] ?? 0) + $now - self::$since;
        }
    }

    private static function now(): int
    {
        self::$clock->clock_gettime(self::THREAD_CPU_CLOCK, \FFI::addr(self::$reading));

        return self::$reading->s * 1000000000 + self::$reading->n;
    }

    private static function result(): array
    {
        $all = self::now() - self::$started;
        $microseconds = [];
        foreach (self::$nanoseconds as $label => $nanoseconds) {
            $own = max(0, $nanoseconds - self::$calls[$label] * self::$overhead);
            $microseconds[$label] = round($own / 1000, 1);
        }
        $uri = preg_replace(['/\?.*/', '/[A-Za-z0-9]{20,}/', '#/\d+#'], ['', 'ID', '/N'], $_SERVER['REQUEST_URI'] ?? '');

        return [
            'request' => ($_SERVER['REQUEST_METHOD'] ?? 'command') . ' ' . $uri,
            'cpu_ms' => round($all / 1000000, 1),
            'agent_us' => array_sum($microseconds),
            'by' => $microseconds,
        ];
    }
}
