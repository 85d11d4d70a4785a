<?php

declare(strict_types=1);

namespace MagentoEventBridge\Agent\Handover;

use Magento\Framework\App\CacheInterface;
use MagentoEventBridge\Agent\Capture\Capture;
use MagentoEventBridge\Agent\Capture\ExecutionContext;
use MagentoEventBridge\Agent\Fence;
use MagentoEventBridge\Agent\ResettableInterface;

/**
 * Hands over to another machine after the response is sent; what that refuses goes to the outbox.
 */
class AfterResponse implements ResettableInterface
{
    private const PAUSE = 'eventbridge_agent_pause_';
    private const PAUSE_SECONDS = 30;

    /**
     * @var CacheInterface
     */
    private $cache;

    /**
     * @var Outbox
     */
    private $outbox;

    /**
     * @var CaptureEncoder
     */
    private $encoder;

    /**
     * @var ExecutionContext
     */
    private $execution;

    /**
     * @var Fence
     */
    private $fence;

    /**
     * @var Capture[][] by the receiver's name and their IDs
     */
    private $waiting = [];

    /**
     * @var array[] of a function and whether it publishes to Magento's message queue, by the receiver's name
     */
    private $deliveries = [];

    /**
     * @var bool
     */
    private $isRegistered = false;

    public function __construct(
        CacheInterface $cache,
        Outbox $outbox,
        CaptureEncoder $encoder,
        ExecutionContext $execution,
        Fence $fence
    ) {
        $this->cache = $cache;
        $this->outbox = $outbox;
        $this->encoder = $encoder;
        $this->execution = $execution;
        $this->fence = $fence;
    }

    /**
     * Keeps the captures until the response is sent. Commands and application servers, whose shutdown may be
     * days away, deliver at once.
     *
     * @param string $receiver named in the log
     * @param Capture[] $captures
     * @param callable $deliver takes the JSON of captures by their IDs, returns the IDs of those that were refused
     * @param bool $isQueued whether they go through Magento's message queue
     * @return void
     */
    public function send(string $receiver, array $captures, callable $deliver, bool $isQueued = false): void
    {
        foreach ($captures as $capture) {
            $this->waiting[$receiver][$capture->getId()] = $capture;
        }
        $this->deliveries[$receiver] = [$deliver, $isQueued];
        if (!$this->execution->endsWithRequest()) {
            $this->deliverAll();
        } elseif (!$this->isRegistered) {
            $this->isRegistered = true;
            register_shutdown_function(function (): void {
                $this->finish();
            });
        }
    }

    /**
     * @inheritdoc
     */
    public function _resetState(): void
    {
        $this->deliverAll();
        $this->deliveries = [];
    }

    /**
     * Finishes the response, then delivers.
     */
    private function finish(): void
    {
        $this->fence->run('after the response', function (): void {
            if (session_status() === PHP_SESSION_ACTIVE) {
                session_write_close();
            }
            foreach (['fastcgi_finish_request', 'litespeed_finish_request'] as $letGo) {
                if (function_exists($letGo)) {
                    $letGo();
                }
            }
            $this->deliverAll();
        });
    }

    private function deliverAll(): void
    {
        $waiting = $this->waiting;
        $this->waiting = [];
        foreach ($waiting as $receiver => $captures) {
            $refused = $this->deliver($receiver, $captures);
            if ($refused) {
                try {
                    $this->outbox->send($refused);
                } catch (\Throwable $failure) {
                    $this->fence->logLostBy($failure, $refused);
                }
            }
        }
    }

    /**
     * Delivers, batch by batch, and returns what was not accepted.
     *
     * @param string $receiver
     * @param Capture[] $captures
     * @return Capture[]
     */
    private function deliver(string $receiver, array $captures): array
    {
        $left = $captures;
        $refused = [];
        $deliver = function () use ($receiver, $captures, &$left, &$refused): void {
            if ($this->cache->load(self::PAUSE . $receiver)) {
                return;
            }
            list($deliver, $isQueued) = $this->deliveries[$receiver];
            try {
                foreach ($this->encoder->batches($captures, $isQueued) as $batch) {
                    $refused += array_intersect_key($captures, array_flip($deliver($batch)));
                    $left = array_diff_key($left, $batch);
                }
                // What is left now could not be encoded, which is logged.
                $left = [];
            } catch (\Throwable $failure) {
                // Otherwise every request would wait for a machine that does not answer.
                $this->cache->save('1', self::PAUSE . $receiver, [], self::PAUSE_SECONDS);
                throw $failure;
            }
        };
        $this->fence->run('sending to the ' . $receiver, $deliver);

        return $refused + $left;
    }
}
