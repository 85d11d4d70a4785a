<?php

declare(strict_types=1);

namespace MagentoEventBridge\Agent;

use MagentoEventBridge\Agent\Capture\Capture;
use Psr\Log\LoggerInterface;

/**
 * Keeps the agent's failures from the shop: they are logged, and the shop goes on.
 */
class Fence
{
    private const EVENTS_PER_LINE = 100;

    /**
     * @var LoggerInterface
     */
    private $logger;

    /**
     * @param LoggerInterface $logger
     */
    public function __construct(LoggerInterface $logger)
    {
        $this->logger = $logger;
    }

    /**
     * Runs a function and logs its failure.
     */
    public function run(string $what, callable $do): void
    {
        try {
            $do();
        } catch (\Throwable $failure) {
            $this->log($what, $failure);
        }
    }

    /**
     * Logs a failure.
     */
    public function log(string $what, \Throwable $failure): void
    {
        $this->write(sprintf('The agent failed at %s: %s', $what, $this->describe($failure)));
    }

    /**
     * Logs a failure that costs events.
     *
     * @param Capture[] $captures
     * @param \Throwable $failure
     * @return void
     */
    public function logLostBy(\Throwable $failure, array $captures): void
    {
        $this->logLost($this->describe($failure), $captures);
    }

    /**
     * Logs which events are lost, why, and what to do.
     *
     * @param string $reason
     * @param Capture[] $captures
     * @return void
     */
    public function logLost(string $reason, array $captures): void
    {
        foreach (array_chunk($captures, self::EVENTS_PER_LINE) as $chunk) {
            $events = array_map(function (Capture $capture): string {
                $of = $capture->getSubject() === null ? '' : ' of ' . $capture->getSubject();

                return $capture->getEvent() . $of . ' (' . $capture->getId() . ')';
            }, $chunk);
            $this->write(sprintf(
                'The agent lost %s: %s. Lost: %s. Remove the cause, then run "magento-eventbridge audit --repair":'
                    . ' it sends the entities that were created or changed.',
                count($chunk) . (count($chunk) === 1 ? ' event' : ' events'),
                $reason,
                implode(', ', $events)
            ));
        }
    }

    private function describe(\Throwable $failure): string
    {
        return sprintf(
            '%s: %s (%s:%d)',
            get_class($failure),
            $failure->getMessage(),
            $failure->getFile(),
            $failure->getLine()
        );
    }

    private function write(string $line): void
    {
        try {
            $this->logger->error($line);
        } catch (\Throwable $exception) {
            // A log that cannot be written, as on a full disk, must not stop the shop.
            return;
        }
    }
}
