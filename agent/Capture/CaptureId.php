<?php

declare(strict_types=1);

namespace MagentoEventBridge\Agent\Capture;

/**
 * Creates UUIDs of version 7 (RFC 9562) that increase within the process.
 */
class CaptureId
{
    private const MAX_COUNTER = 0xfff;

    /**
     * @var int
     */
    private $lastMillisecond = 0;

    /**
     * @var int
     */
    private $counter = 0;

    /**
     * Returns the id of a new capture.
     */
    public function next(float $time): string
    {
        $millisecond = (int)($time * 1000);
        if ($millisecond > $this->lastMillisecond) {
            $this->lastMillisecond = $millisecond;
            // Half of the range is left for the following ids.
            $this->counter = random_int(0, self::MAX_COUNTER >> 1);
        } elseif ($this->counter < self::MAX_COUNTER) {
            $this->counter++;
        } else {
            $this->lastMillisecond++;
            $this->counter = 0;
        }
        $time = str_pad(dechex($this->lastMillisecond), 12, '0', STR_PAD_LEFT);
        $random = random_bytes(8);
        $random[0] = chr(ord($random[0]) & 0x3f | 0x80);
        $random = bin2hex($random);

        return sprintf(
            '%s-%s-7%03x-%s-%s',
            substr($time, 0, 8),
            substr($time, 8),
            $this->counter,
            substr($random, 0, 4),
            substr($random, 4)
        );
    }
}
