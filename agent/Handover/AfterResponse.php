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
     * @var ExecutionContext
     */
    private $execution;

    /**
     * @var Fence
     */
    private $fence;

    /**
     * @var Capture[][] by the receiver's name
     */
    private $waiting = [];

    /**
     * @var callable[] by the receiver's name
     */
    private $deliveries = [];

    /**
     * @var bool
     */
    private $isRegistered = false;

    public function __construct(CacheInterface $cache, Outbox $outbox, ExecutionContext $execution, Fence $fence)
    {
        $this->cache = $cache;
        $this->outbox = $outbox;
        $this->execution = $execution;
        $this->fence = $fence;
    }

    /**
     * Keeps the captures until the response is sent. Commands and application servers, whose shutdown may be
     * days away, deliver at once.
     *
     * @param string $receiver named in the log
     * @param Capture[] $captures
     * @param callable $deliver takes captures, returns those that were refused
     * @return void
     */
    public function send(string $receiver, array $captures, callable $deliver): void
    {
        $this->waiting[$receiver] = array_merge($this->waiting[$receiver] ?? [], $captures);
        $this->deliveries[$receiver] = $deliver;
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
                $this->outbox->send($refused);
            }
        }
    }

    /**
     * Delivers, and returns what was not accepted.
     *
     * @param string $receiver
     * @param Capture[] $captures
     * @return Capture[]
     */
    private function deliver(string $receiver, array $captures): array
    {
        $refused = $captures;
        $this->fence->run('sending to the ' . $receiver, function () use ($receiver, $captures, &$refused): void {
            if ($this->cache->load(self::PAUSE . $receiver)) {
                return;
            }
            try {
                $refused = $this->deliveries[$receiver]($captures);
            } catch (\Throwable $failure) {
                // Otherwise every request would wait for a machine that does not answer.
                $this->cache->save('1', self::PAUSE . $receiver, [], self::PAUSE_SECONDS);
                throw $failure;
            }
        });

        return $refused;
    }
}
